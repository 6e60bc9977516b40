"""The forms of AffWild2's networks, and its two configurations, for benchmarks/affwild2.py."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).resolve().parents[1] / "config"
TASKS = ("va", "expr")
PAPER, BEST = "affwild2", "affwild2_best"
"""The two presets, by the names of their files."""
WINDOW = 20
"""Frames of a window of 4 s."""
DINOV2 = {"model_type": "dinov2", "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
DINOV2 |= {"image_size": 518, "patch_size": 14}
"""The form of facebook/dinov2-large."""
LARGE: dict[str, Any] = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
LARGE |= {"intermediate_size": 4096, "feat_extract_norm": "layer", "do_stable_layer_norm": True}
"""What microsoft/wavlm-large and facebook/wav2vec2-large-960h-lv60-self have in common."""
GIB = 2**30

Work = tuple[Callable[[], object], float]
"""Something to do, and how many units it is."""


@cache
def section(name: str, preset: str = PAPER) -> Any:
    """A section, or a value at the top, of the configuration that AffWild2 runs with."""
    from snakemake.utils import update_config

    merged: dict[str, Any] = {}
    for file in ("config", preset):
        update_config(merged, yaml.safe_load((CONFIG / f"{file}.yaml").read_text(encoding="utf-8")))
    return merged[name]
