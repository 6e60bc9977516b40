"""Runs as programs that track experiments keep them: parameters, scores and costs by name, without the files behind.

Such a run is read back from a CSV in long form, `run`, `kind`, `name`, `value`, or from MLflow's files, and is set
beside others like any run. It has no frames, so it is not paired with any.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from abaw.comparison.runs import Costs, Run, leaves
from abaw.report.scores import SCORE_COLUMNS
from abaw.running.errors import UserError
from abaw.running.files import whole_file

KINDS = ("parameter", "metric", "cost")
COLUMNS = ("run", "kind", "name", "value")
COST_NAMES = ("s", "cpu_s", "max_mb")
Row = tuple[str, str, str]
"""Kind, name and value."""


@dataclass(frozen=True)
class TrackedRun(Run):
    """A run of which only its rows are known; `folder` is the file or the folder that they are from."""

    rows: tuple[Row, ...] = ()

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its parameters, dots between the sections; the values of others' runs may be any text."""
        return {name: _plain(value) for kind, name, value in self.rows if kind == "parameter"}

    @cached_property
    def scores(self) -> list[dict[str, str]]:
        """Its metrics; one whose name is not of the form task/split/system/measure is a measure of no task."""
        found = []
        for name, value in ((name, value) for kind, name, value in self.rows if kind == "metric"):
            words = name.split("/")
            task, split, system, measure = words if len(words) == 4 else ("", "", "", name)
            row = {"task": task, "system": system, "split": split, "measure": measure, "value": value}
            found.append(dict.fromkeys(SCORE_COLUMNS, "") | row)
        return found

    @cached_property
    def costs(self) -> Costs:
        """What it cost by rule; 0 where it does not say."""
        found: dict[str, dict[str, float]] = {}
        for name, value in ((name, value) for kind, name, value in self.rows if kind == "cost"):
            rule, _, what = name.rpartition("/")
            found.setdefault(rule, {})[what] = float(value)
        return {rule: tuple(own.get(what, 0.0) for what in COST_NAMES) for rule, own in found.items()}  # type: ignore[misc]

    def frames(self, task: str) -> dict[str, Path]:
        """None."""
        return {}


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def rows_of(run: Run) -> list[Row]:
    """Every parameter, score and cost of a run; values of parameters as JSON."""
    found = [("parameter", key, json.dumps(value)) for key, value in sorted(leaves(run.config))]
    for row in run.scores:
        name = "/".join(row[part] for part in ("task", "split", "system", "measure"))
        found.append(("metric", name if row["task"] else row["measure"], row["value"]))
    for rule, costs in sorted(run.costs.items()):
        found += [("cost", f"{rule}/{name}", f"{value:.1f}") for name, value in zip(COST_NAMES, costs, strict=True)]
    return found


def tracked_rows(runs: Sequence[Run]) -> list[dict[str, str]]:
    """The rows of all runs in one long form, as programs read that track experiments."""
    return [dict(zip(COLUMNS, (run.name, *row), strict=True)) for run in runs for row in rows_of(run)]


def read_tracked(path: Path) -> list[Run]:
    """The runs of a CSV in that form; `UserError` where it is none."""
    with path.open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            said = ", ".join(reader.fieldnames or ()) or "no"
            raise UserError(
                f"{path} has the columns {said}; expected {', '.join(COLUMNS)}, as compare and track write them"
            )
        found: dict[str, list[Row]] = {}
        for line, row in enumerate(reader, start=2):
            kind, name, value = row["kind"], row["name"], row["value"]
            if kind not in KINDS:
                raise UserError(f"{path}, line {line} has the kind {kind!r}, expected one of {', '.join(KINDS)}")
            if name is None or value is None:
                raise UserError(
                    f"{path}, line {line} ends before its value, expected {', '.join(COLUMNS)}; write it again"
                )
            if kind != "parameter":
                check_number(value, f"{path}, line {line}: {name}")
            found.setdefault(row["run"], []).append((kind, name, value))
    return [TrackedRun(name, path, tuple(rows)) for name, rows in found.items()]


def check_number(value: str, where: str) -> None:
    """Raise `UserError` where a value is no number."""
    try:
        float(value)
    except (TypeError, ValueError):
        raise UserError(f"{where} is {value!r}, expected a number") from None


def write_rows(rows: Iterable[dict[str, str]], path: Path) -> None:
    """Write rows with the same keys as CSV; of no row nothing is known, and the file is empty."""
    known = list(rows)
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(known[0]) if known else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(known)
