"""The frame-level model of Figure 1: a backbone, a 256-d embedding, and a head a challenge (paper §2.2.1)."""

import abaw.nn.vision  # noqa: F401  (it makes timm importable, so it comes first)

# isort: split

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from abaw.nn import checkpoint
from abaw.nn.outputs import activation
from abaw.running.errors import UserError
from abaw.static.backbones import build_backbone
from abaw.static.spec import StaticSpec
from abaw.tables.schemas import EMBEDDING_SIZE
from abaw.tasks import TASKS, TaskName


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
    views = [_view(images, spec.input_px, scale, side) for scale in spec.crop_scales for side in spec.sides_px]
    if spec.mirrored:
        views = [side for view in views for side in (view, view.flip(-1))]
    embeddings, outputs = zip(*(model(view) for view in views), strict=True)
    return _mean(embeddings), {task: _mean([said[task] for said in outputs]) for task in outputs[0]}


def _view(images: Tensor, whole_px: int, scale: float, side_px: int) -> Tensor:
    """The middle of images (n, 3, whole_px, whole_px), that share of their side, as images of `side_px`."""
    own_px = round(whole_px * scale)
    if own_px == whole_px == side_px:
        return images
    edge_px = (whole_px - own_px) // 2
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
