"""What benchmarks/beyond.py has found: cells in a file, and figures of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from beyond_parts import ALL, OFF, PAPER, PARTS, WHOLE, Setting

from abaw.report.bootstrap import INTERVAL
from abaw.running.files import whole_file
from abaw.tasks import TaskName


class Cells:
    """What has been scored, in a file: by part and seed, as long as the configuration of the cell is the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def get(self, cell: str, seed: int, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """The scores of a cell, if they are there."""
        known = self._found.get(f"{cell}/{seed}")
        return known["found"] if known and known["config"] == self._digest(config) else None

    def put(self, cell: str, seed: int, config: Mapping[str, Any], found: dict[str, Any]) -> None:
        """Keep the scores of a cell."""
        self._found[f"{cell}/{seed}"] = {"config": self._digest(config), "found": found}
        with whole_file(self._path) as beside:
            beside.write_text(json.dumps(self._found, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @staticmethod
    def _digest(config: Mapping[str, Any]) -> str:
        return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def spread(values: Sequence[float]) -> list[float]:
    """The mean, the lowest and the highest."""
    return [round(value, 4) for value in (sum(values) / len(values), min(values), max(values))]


def gain(off: Sequence[Mapping[str, float]], on: Sequence[Mapping[str, float]], before: str, after: str) -> Any:
    """Scores of a system without and with something, a mapping for each seed."""
    pairs = list(zip(off, on, strict=True))
    differences = [two[f"{after}_nested"] - one[f"{before}_nested"] for one, two in pairs]
    better = sum(value > 0 for value in differences)
    return {
        "off": spread([one[f"{before}_nested"] for one in off]),
        "on": spread([two[f"{after}_nested"] for two in on]),
        "gain": spread(differences),
        "fitted_gain": spread([two[after] - one[before] for one, two in pairs]),
        "helps": f"with {better} of {len(pairs)} seeds",
    }


def figures(setting: Setting, seeds: Sequence[int], cells: Cells) -> dict[str, Any]:
    """What is printed: of each part, of the seeds in which both it and the paper's way are there."""
    known = {cell: [cells.get(cell, seed, setting.config(cell, seed)) for seed in seeds] for cell in setting.cells}

    def gains(cell: str, task: TaskName, before: str, after: str) -> dict[str, Any]:
        pairs = [(one, two) for one, two in zip(known[OFF], known[cell], strict=True) if one and two]
        off, on = ([each["scores"][task] for each in own] for own in zip(*pairs, strict=True)) if pairs else ([], [])
        return gain(off, on, before, after) if pairs else {}

    found: dict[str, Any] = {"paired": {}}
    for task in setting.tasks:
        systems = {name: PARTS[name].system for name in setting.parts if task in PARTS[name].tasks}
        own = {name: gains(name, task, system, system) for name, system in systems.items()}
        if setting.base["systems"][WHOLE]["models"] != setting.base["systems"][PAPER]["models"]:
            own["models"] = gains(OFF, task, PAPER, WHOLE)
        own[ALL] = gains(ALL, task, PAPER, WHOLE)
        found[task] = {name: each for name, each in own.items() if each}
        if ends := interval([each["drawn"][task] for each in known[ALL] if each]):
            found["paired"][task] = ends
    done = sum(all(own) for own in zip(*known.values(), strict=True))
    every = [each for own in known.values() for each in own if each]
    minutes, of_processor = (round(sum(each.get(name, 0) for each in every) / 60, 1) for name in ("seconds", "cpu_s"))
    return found | {"seeds": done, "minutes": minutes, "processor_minutes": of_processor}


def interval(drawn: Sequence[Sequence[float]]) -> list[float]:
    """The mean over the seeds of a difference that is first in each, and its central interval over the other draws."""
    if not drawn:
        return []
    draws, tail = np.mean(drawn, axis=0), (1 - INTERVAL) / 2
    return [round(value, 4) for value in (float(draws[0]), *np.quantile(draws[1:], [tail, 1 - tail]).tolist())]


def table(found: Mapping[str, Any], tasks: Sequence[TaskName]) -> str:
    """The same as tables to read while it runs, one for each challenge."""
    lines = [
        f"{found['seeds']} seeds without anything missing; mean (lowest to highest), without and with a part, nested"
    ]
    for task in tasks:
        lines += ["", f"| {task} | without | with it | gain | gain, fitted | gains |", "|---|---|---|---|---|---|"]
        for name, own in found[task].items():
            shown = [f"{mean:.3f} ({low:.3f} to {high:.3f})" for mean, low, high in list(own.values())[:4]]
            lines.append(f"| {name} | {' | '.join(shown)} | {own['helps']} |")
        if task in found["paired"]:
            lines.append(
                "| preset, interval by video | | | {:.3f} ({:.3f} to {:.3f}) | | |".format(*found["paired"][task])
            )
    return "\n".join(lines) + "\n"
