"""What a frame-level model is, apart from its weights (paper §2.2.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from abaw.config import BackboneConfig
from abaw.config.static import MOST_SCALES, CropScale, InputScale
from abaw.running.errors import UserError
from abaw.tables.schemas import EMBEDDING_SIZE
from abaw.tasks import TASKS, TaskName

_LATER = ("form", "crop_scales", "input_scales")
"""What cards may be older than, and then say nothing of."""


@dataclass(frozen=True)
class StaticSpec:
    """Everything that is needed to feed the model and to read it; it travels with the weights.

    `tasks` are the challenges that it has heads for: one, or both after pre-training. `mean` and `std` are those of RGB
    in [0, 1]; `input_px` is the side of the square that a crop is fitted into; `licence` is that of the backbone's
    weights as its library knows it; `form` describes a backbone that is not timm's. A `grey` one sees pictures without
    colours; of a `mirrored` one, and of one with several `crop_scales` or `input_scales`, counts what `seen` says.
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
    input_scales: Annotated[tuple[InputScale, ...], Field(min_length=1, max_length=MOST_SCALES)] = (1.0,)
    form: dict[str, Any] | None = None

    @classmethod
    def of(cls, tasks: Sequence[TaskName], settings: BackboneConfig) -> "StaticSpec":
        """The spec of a backbone as its library knows it; `UserError` where it does not."""
        from abaw.static.backbones import about_backbone  # the libraries load only where a model is made

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
            tuple(settings.input_scales),
            about.form,
        )

    @property
    def sides_px(self) -> list[int]:
        """The sides of the pictures that it is shown where it is scored and embeds."""
        return [round(self.input_px * scale) for scale in self.input_scales]

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
        return spec

    def as_card(self) -> dict[str, Any]:
        """The spec as JSON values."""
        outputs = [name for task in self.tasks for name in TASKS[task].outputs]
        return {**asdict(self), "outputs": outputs, "embedding_size": EMBEDDING_SIZE}
