"""What the two phases of the frame-level model's training read of the configuration."""

from collections.abc import Mapping
from typing import Any, Literal

from abaw.config import BackboneConfig


def settings_of(
    phase: Literal["pretraining", "fine_tuning"], static: Mapping[str, Any], form: BackboneConfig
) -> dict[str, Any]:
    """The values of a phase in the section `static`, with its backbone's: a changed one reruns that phase alone."""
    if phase == "pretraining":
        own = {key: value for key, value in static["pretraining"].items() if key != "enabled"}
    else:
        own = {key: value for key, value in static.items() if key not in ("backbones", "pretraining")}
    return own | form.model_dump()
