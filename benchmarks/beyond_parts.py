"""The parts of the preset that benchmarks/beyond.py measures, and the configurations with and without them."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from math import inf
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from abaw.tasks import TaskName

ROOT = Path(__file__).resolve().parents[1]
OFF, ALL = "off", "preset"
ATTENTION, PAPER, WHOLE = "system_1", "system_3", "system_4"
AFTER = ("timeline", "fusion")
"""The sections of what comes after the networks."""


@dataclass(frozen=True)
class Part:
    """Keys of the preset, dots between the sections, and the system that is scored without and with them.

    Some change nothing of valence and arousal. `also` are keys that have the value of the first one; a part with such
    ones trains the frame-level model anew, which takes longer than all others together. Where the longest video is
    shorter than `least_s`, in seconds, the part can show nothing.
    """

    keys: tuple[str, ...]
    system: str = PAPER
    tasks: tuple[TaskName, ...] = ("va", "expr")
    also: tuple[str, ...] = ()
    least_s: float = 0.0

    @property
    def trains(self) -> bool:
        """Whether networks are trained anew; all else is read off what those of the paper's way say."""
        return not all(key.split(".")[0] in AFTER for key in self.keys)


PARTS = {
    "smoothing": Part(("timeline",)),
    "refine": Part(("fusion.dirichlet.candidates", "fusion.dirichlet.search")),
    "logits": Part(("fusion.dirichlet.combined",), tasks=("expr",)),
    "class_bias": Part(("fusion.calibration",), tasks=("expr",)),
    "average": Part(tuple(f"{name}.network.training.ema_decay" for name in ("dynamic", "acoustic", "attention"))),
    "focal": Part(("dynamic.network.expression_loss", "attention.network.expression_loss"), tasks=("expr",)),
    "label_smoothing": Part(("dynamic.network.label_smoothing", "attention.network.label_smoothing"), tasks=("expr",)),
    "modality_dropout": Part(("attention.network.modality_dropout",), ATTENTION),
    "windows": Part(
        ("dynamic.sweep.windows_s", "dynamic.network.overlap", "attention.window_s", "attention.network.overlap"),
        least_s=40.0,  # three windows
    ),
    "layers": Part(("dynamic.network.layers",)),
    "crop_scales": Part(("static.backbones.expr.crop_scales",), also=("static.backbones.va.crop_scales",)),
}
QUICK = [name for name, part in PARTS.items() if not part.also]


@dataclass(frozen=True)
class Setting:
    """What a corpus can have: its configuration with the systems that are compared, its challenges, and its parts."""

    base: dict[str, Any]
    tasks: list[TaskName]
    parts: dict[str, dict[str, Any]]

    def config(self, cell: str, seed: int) -> dict[str, Any]:
        """The whole configuration of a cell: nothing of the preset, one part of it, or all."""
        asked = self.parts.values() if cell == ALL else [self.parts[cell]] if cell in self.parts else []
        found = merged(self.base, {"seed": seed}, *asked)
        found["systems"] = {name: self.base["systems"][name] for name in self.systems_of(cell)}
        return found

    def systems_of(self, cell: str) -> list[str]:
        """The systems that are scored; no model of another one is trained for a cell."""
        if cell in self.parts:
            return [PARTS[cell].system]
        return [WHOLE] if cell == ALL else sorted({PAPER, WHOLE, *(PARTS[name].system for name in self.parts)})

    def trains_faces(self, cell: str) -> bool:
        """Whether the frame-level model is trained anew for a cell."""
        return any(PARTS[name].also for name in (self.parts if cell == ALL else self.parts.keys() & {cell}))

    @property
    def cells(self) -> list[str]:
        """The names of all cells of a seed, the paper's way first."""
        return [OFF, *self.parts, ALL]

    def tasks_of(self, cell: str) -> list[TaskName]:
        """The challenges in which a cell may differ."""
        return [task for task in self.tasks if cell not in PARTS or task in PARTS[cell].tasks]


def merged(base: Mapping[str, Any], *over: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with others over it."""
    found = deepcopy(dict(base))
    for one in over:
        update_config(found, deepcopy(dict(one)))
    return found


def setting_of(configfiles: Sequence[Path], asked: Sequence[str] | None) -> Setting:
    """What the configuration of a finished run can have of the preset; parts that change nothing of it are left out.

    With `asked` None it is all parts for which videos are long enough and the frame-level model is not trained anew.
    """
    default, best, *own = (
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (ROOT / "config/config.yaml", ROOT / "config/affwild2_best.yaml", *configfiles)
    )
    base = merged(default, *own)
    attention = bool(base["attention"]["mechanisms"])
    base["attention"]["mechanisms"] = ["cross"] if attention else []
    base["dynamic"]["sweep"]["normalisers"] = base["dynamic"]["sweep"]["normalisers"][-1:]
    base["systems"] = systems_of(base["acoustic"]["enabled"], attention)
    parts = {}
    longest_s = base["demo"]["max_duration_s"] if base["corpus"]["source"] == "demo" else inf
    for name in [name for name in QUICK if PARTS[name].least_s <= longest_s] if asked is None else asked:
        if PARTS[name].system == ATTENTION and not attention:
            continue
        if PARTS[name].also and any(base["pretraining"]["roots"].values()):
            continue  # it would pre-train anew as well
        over: dict[str, Any] = {}
        values = {key: reduce(lambda inside, word: inside[word], key.split("."), best) for key in PARTS[name].keys}
        values |= dict.fromkeys(PARTS[name].also, values[PARTS[name].keys[0]])
        for key, value in values.items():
            update_config(over, nested(key, value))
        if merged(base, over) != base:
            parts[name] = over
    return Setting(base, list(base["bundle"]["tasks"]), parts)


def nested(key: str, value: object) -> dict[str, Any]:
    """A value under a key with dots between the sections."""
    return reduce(lambda inside, word: {word: inside}, reversed(key.split(".")), value)  # type: ignore[return-value]


def systems_of(has_acoustic: bool, has_attention: bool) -> dict[str, dict[str, Any]]:
    """The paper's system 3, attention alone where there is any, and the preset's, with all models."""
    speech = "acoustic" if has_acoustic else "voice_functional"
    paper = ["visual", speech, "functional"]
    whole = [*dict.fromkeys([*paper, *(["cross_attention"] if has_attention else []), "voice_functional"])]
    alone = {"models": ["cross_attention" if has_attention else "visual"], "fusion": "none"}
    several = {PAPER: {"models": paper, "fusion": "dirichlet"}, WHOLE: {"models": whole, "fusion": "dirichlet"}}
    return {name: own | {"title": name} for name, own in {ATTENTION: alone, **several}.items()}
