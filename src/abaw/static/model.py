"""The frame-level model of Figure 1: a backbone, a 256-d embedding, and a head a challenge (paper §2.2.1)."""

import abaw.nn.vision  # noqa: F401  (it makes timm importable, so it comes first)

# isort: split

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.v2.functional import rgb_to_grayscale

from abaw.config import BackboneConfig
from abaw.config.static import MOST_SCALES, CropScale
from abaw.nn import checkpoint
from abaw.nn.outputs import activation
from abaw.running.errors import UserError
from abaw.static.backbones import about_backbone, build_backbone, check_known
from abaw.tables.schemas import EMBEDDING_SIZE
from abaw.tasks import TASKS, TaskName

_LATER = ("form", "crop_scales")
"""What cards may be older than, and then say nothing of."""


@dataclass(frozen=True)
class StaticSpec:
    """Everything that is needed to feed the model and to read it; it travels with the weights.

    `tasks` are the challenges that it has heads for: one, or both after pre-training. `mean` and `std` are those of RGB
    in [0, 1]; `input_px` is the side of the square that a crop is fitted into; `licence` is that of the backbone's
    weights as its library knows it; `form` describes a backbone that is not timm's. A `grey` one sees pictures without
    colours; of a `mirrored` one, and of one with several `crop_scales`, counts what `seen` says.
    """

    tasks: tuple[TaskName, ...]
    backbone: str
    input_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    dropout: float
    drop_path: float
    licence: str | None = None
    grey: bool = False
    mirrored: bool = False
    crop_scales: Annotated[tuple[CropScale, ...], Field(min_length=1, max_length=MOST_SCALES)] = (1.0,)
    form: dict[str, Any] | None = None

    @classmethod
    def of(cls, tasks: Sequence[TaskName], settings: BackboneConfig) -> "StaticSpec":
        """The spec of a backbone as its library knows it; `UserError` where it does not."""
        about = about_backbone(settings)
        return cls(
            tuple(tasks),
            settings.backbone,
            settings.input_px,
            about.mean,
            about.std,
            settings.dropout,
            settings.drop_path,
            about.licence,
            settings.grey,
            settings.mirrored,
            tuple(settings.crop_scales),
            about.form,
        )

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> "StaticSpec":
        """The spec that `as_card` wrote; `UserError` where the card says something that no spec can be."""
        try:
            own = {name: card[name] for name in cls.__dataclass_fields__ if name in card or name not in _LATER}
            spec = TypeAdapter(cls).validate_python(own)
        except ValidationError as error:
            wrong = "; ".join(f"{detail['loc'][0]} is {detail['input']!r}" for detail in error.errors())
            raise UserError(f"the card of a frame-level model is wrong: {wrong}; get the model again") from error
        if unknown := [task for task in spec.tasks if task not in TASKS]:
            raise UserError(
                f"the card of a frame-level model is wrong: it has a head for {unknown[0]!r}, expected one for "
                f"{' or '.join(TASKS)}; get the model again"
            )
        check_known(spec.backbone, "the card of a frame-level model")
        return spec

    def as_card(self) -> dict[str, Any]:
        """The spec as JSON values."""
        outputs = [name for task in self.tasks for name in TASKS[task].outputs]
        return {**asdict(self), "outputs": outputs, "embedding_size": EMBEDDING_SIZE}


class StaticModel(nn.Module):
    """Images (n, 3, input_px, input_px), normalised, to embeddings (n, 256) in (-1, 1) and the outputs of each task.

    The outputs are valence and arousal (n, 2) in (-1, 1) through tanh, or the logits of the eight expressions (n, 8).
    """

    def __init__(self, spec: StaticSpec) -> None:
        super().__init__()
        backbone: Any = build_backbone(spec.backbone, spec.drop_path, spec.form, spec.input_px)
        self.backbone = backbone
        self.frozen = False
        self.embed = nn.Sequential(
            nn.Dropout(spec.dropout),
            nn.Linear(backbone.num_features, EMBEDDING_SIZE),
            nn.BatchNorm1d(EMBEDDING_SIZE),
            nn.Tanh(),
        )
        self.heads = nn.ModuleDict({task: _head(task) for task in spec.tasks})

    def freeze(self) -> None:
        """Let the backbone learn nothing from now on, nor its normalisations follow what is shown to it."""
        self.frozen = True
        self.backbone.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """As any module, but that a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Embeddings, and outputs by task."""
        embeddings = self.embed(self.backbone(images))
        return embeddings, {task: head(embeddings) for task, head in self.heads.items()}


def seen(model: StaticModel, spec: StaticSpec, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """What counts of what the model says of normalised images: the mean over all views of them that the spec names."""
    views = [_middle(images, scale, spec.input_px) for scale in spec.crop_scales]
    if spec.mirrored:
        views = [side for view in views for side in (view, view.flip(-1))]
    embeddings, outputs = zip(*(model(view) for view in views), strict=True)
    return _mean(embeddings), {task: _mean([said[task] for said in outputs]) for task in outputs[0]}


def _middle(images: Tensor, scale: float, side_px: int) -> Tensor:
    """The middle of images (n, 3, side_px, side_px), that share of their side, enlarged to the same size."""
    if scale == 1:
        return images
    own_px = round(side_px * scale)
    edge_px = (side_px - own_px) // 2
    own = slice(edge_px, edge_px + own_px)
    return functional.interpolate(images[..., own, own], size=(side_px, side_px), mode="bilinear")


def _mean(values: Sequence[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else reduce(torch.add, values) / len(values)


def _head(task: TaskName) -> nn.Module:
    linear = nn.Linear(EMBEDDING_SIZE, len(TASKS[task].outputs))
    return nn.Sequential(linear) if TASKS[task].kind == "classes" else nn.Sequential(linear, activation(task))


def start_from(model: StaticModel, spec: StaticSpec, weights: Path, card: Mapping[str, Any]) -> None:
    """Give the model what a model with more heads has learned; `UserError` where it has not the form of `spec`."""
    other = StaticSpec.from_card(card)
    if other.backbone != spec.backbone or not set(spec.tasks) <= set(other.tasks):
        raise UserError(
            f"{weights} are weights of {other.backbone} with heads for {', '.join(other.tasks)}, expected "
            f"{spec.backbone} and {', '.join(spec.tasks)}; pre-train that one"
        )
    learned = checkpoint.load(StaticModel(other), weights, card).state_dict()
    model.load_state_dict({name: learned[name] for name in model.state_dict()})


def letterbox(rgb: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """Fit an image (h, w, 3) into a black square of `side_px`, its aspect ratio kept (authors' code: bilinear)."""
    height, width = rgb.shape[:2]
    scale = side_px / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square = np.zeros((side_px, side_px, 3), dtype=np.uint8)
    top, left = (side_px - size[1]) // 2, (side_px - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = resized
    return square


def to_batch(squares: list[NDArray[np.uint8]], device: torch.device) -> Tensor:
    """Letterboxed RGB images to a batch (n, 3, side, side) in [0, 1] on the device."""
    return as_images(torch.from_numpy(np.stack(squares)), device)


def as_images(pixels: Tensor, device: torch.device) -> Tensor:
    """Pixels (n, side, side, 3), uint8, as a batch (n, 3, side, side) in [0, 1] on the device, channels last in memory.

    From pinned memory they are sent without waiting.
    """
    return pixels.to(device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)


class Normaliser:
    """Brings images in [0, 1] on a device into the form that the backbone wants: less the mean, over the deviation.

    A grey one's lose their colours first.

    They lie with channels last in memory: a training step takes two thirds of the time on a CPU.
    """

    def __init__(self, spec: StaticSpec, device: torch.device) -> None:
        self.grey = spec.grey
        self.mean, self.std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (spec.mean, spec.std))

    def __call__(self, images: Tensor) -> Tensor:
        """A batch (n, 3, input_px, input_px), normalised."""
        if self.grey:
            images = rgb_to_grayscale(images, num_output_channels=3)
        return ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
