"""What the two phases of the frame-level model's training read of the configuration."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from abaw.config import BackboneConfig, PretrainingPhaseConfig
from abaw.running.errors import UserError

PRETRAINED = "results/static/pretraining"
MODEL_FILES = ("model.safetensors", "card.json")


def settings_of(
    phase: Literal["pretraining", "fine_tuning"], static: Mapping[str, Any], form: BackboneConfig
) -> dict[str, Any]:
    """The values of a phase in the section `static`, with its backbone's: a changed one reruns that phase alone."""
    if phase == "pretraining":
        own = {key: value for key, value in static["pretraining"].items() if key not in ("enabled", "weights")}
    else:
        own = {key: value for key, value in static.items() if key not in ("backbones", "pretraining")}
    return own | form.model_dump()


def pretrained_files(settings: PretrainingPhaseConfig, named: bool, backbones: Iterable[str]) -> list[str]:
    """The files that fine-tuning starts from, {backbone} in their paths: of the phase before, or of a former run.

    None where that phase is off, or has nothing: no corpus is `named`, and no folder of models. Raises `UserError`
    where the folder that the settings name lacks the model of one of `backbones`.
    """
    if not settings.enabled or not (named or settings.weights):
        return []
    folder = Path(settings.weights or PRETRAINED)
    for path in (folder / backbone / name for backbone in backbones for name in MODEL_FILES):
        if settings.weights is not None and not path.is_file():
            raise UserError(
                f"static.pretraining.weights is {settings.weights}, but there is no file {path}; expected the folder "
                f"{PRETRAINED} of a finished run, or a copy of it"
            )
    return [f"{folder}/{{backbone}}/{name}" for name in MODEL_FILES]
