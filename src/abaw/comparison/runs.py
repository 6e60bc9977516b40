"""Finished runs side by side: what differs in their configurations, their scores, and what they cost.

Two runs are compared on the same rows of validation by drawing their videos anew, the same draw for both: what is hard
in a video is hard for both, so the interval of the difference is narrower than those of the two scores.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from abaw.config import SystemConfig
from abaw.fusion.systems import Systems
from abaw.report.bootstrap import INTERVAL, drawn_measures
from abaw.report.scores import Resampling
from abaw.running.files import whole_file
from abaw.tables.arrays import KEYS, matrix, truth_at, videos_of
from abaw.tables.files import read_table
from abaw.tables.schemas import frames, labels
from abaw.tasks import TASKS, TaskName, task_named

Array = NDArray[np.float64]
KEPT = Path("results/report/config.json")
SCORES = Path("results/report/scores.csv")
BENCHMARKS = Path("results/benchmarks")
UNKNOWN = "not known"
TOGETHER = ("folds", "seeds")
"""The keys of which each makes one more challenge of every one: what its models say together."""
WORKSPACE = ("predict", "runs")
"""Sections that have no part in what a run finds."""
Costs = dict[str, tuple[float, float, float]]
"""By rule, summed over its jobs: wall and processor time in seconds, and the most memory that one took, in MB."""


@dataclass(frozen=True)
class Run:
    """A folder in which a run has finished, by the name under which it is compared."""

    name: str
    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its configuration; none where it was made before runs kept theirs."""
        path = self.folder / KEPT
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    @cached_property
    def together(self) -> dict[str, Path]:
        """The scores of what its folds, and its seeds, say together, by their name: `va_folds`."""
        names = [f"{task}_{key}" for key in TOGETHER if self.config.get(key) for task in TASKS]
        places = {name: self.folder / SCORES.with_suffix("") / f"{name}_val.csv" for name in names}
        return {name: path for name, path in places.items() if path.is_file()}

    @cached_property
    def scores(self) -> list[dict[str, str]]:
        """The rows of its scores, and of those of its folds and of its seeds."""
        own = read_rows(self.folder / SCORES)
        return own + [row | {"task": name} for name, path in self.together.items() for row in read_rows(path)]

    @cached_property
    def costs(self) -> Costs:
        """What its jobs took, by rule."""
        found: Costs = {}
        folder = self.folder / BENCHMARKS
        for path in sorted(folder.rglob("*.tsv")):
            rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
            with path.open(newline="", encoding="utf-8") as handle:
                for row in csv.DictReader(handle, delimiter="\t"):
                    s, cpu_s, mb = (_number(row[name]) for name in ("s", "cpu_time", "max_rss"))
                    old = found.get(rule, (0.0, 0.0, 0.0))
                    found[rule] = (old[0] + s, old[1] + cpu_s, max(old[2], mb))
        return found

    def frames(self, task: str) -> dict[str, Path]:
        """The validation frames of its models, systems and nested estimates, by name, as far as they are there."""
        systems = {name: SystemConfig.model_validate(own) for name, own in self.config.get("systems", {}).items()}
        calibrated = any(self.config.get("fusion", {}).get("calibration", {}).values())
        scored = {row["system"] for row in self.scores if (row["task"], row["split"]) == (task, "val")}
        brought = self.config.get("models", {})
        known = Systems([], systems, brought, calibrated).scored(task, "val")
        models = sorted(scored - set(known))
        found = Systems(models, systems, brought, calibrated).scored(task, "val")
        places = {name: self.folder / path for name, path in found.items() if name in scored}
        return {name: path for name, path in sorted(places.items()) if path.is_file()}

    def truth(self, task: str, keys: pa.Table) -> tuple[Array, NDArray[np.int64]]:
        """The truth at the rows of `keys`, (n, 2 or 1), and the number of each row's video, (n,)."""
        corpus = self.folder / "results" / "corpus" / task / "val"
        known = read_table(labels(task_named(task)), corpus / "labels.parquet")
        tracks = read_table("tracks", corpus / "tracks.parquet", ["sample", "video"])
        return truth_at(task_named(task), keys, known), videos_of(keys, tracks)


def keep_configuration(config: Mapping[str, Any]) -> None:
    """Write the configuration of the run in this folder beside its scores, unless it stands there since they were made.

    Without what has no part in what a run finds.
    """
    if not SCORES.is_file():
        return
    scored_s = max(path.stat().st_mtime for path in (SCORES, *SCORES.with_suffix("").glob("*.csv")))
    if KEPT.is_file() and KEPT.stat().st_mtime >= scored_s:
        return
    own = {key: value for key, value in config.items() if key not in WORKSPACE}
    with whole_file(KEPT) as beside:
        beside.write_text(json.dumps(own, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV."""
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def config_rows(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Each key whose value is not the same in all runs, dots between the sections, with what it is in each, as JSON."""
    values = [dict(leaves(run.config)) for run in runs]
    keys = sorted(set().union(*values))
    found = []
    for key in keys:
        said = {run.name: UNKNOWN for run in runs if not run.config}
        said |= {run.name: json.dumps(own.get(key)) for run, own in zip(runs, values, strict=True) if run.config}
        if len(set(said.values())) > 1:
            found.append({"key": key} | {run.name: said[run.name] for run in runs})
    return found


def leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Each key that holds a value, with dots between the sections."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def cost_rows(runs: Sequence[Run]) -> list[dict[str, str]]:
    """What the jobs of each rule took, summed over them, in each run: wall and processor time, and the most memory."""
    costs = [run.costs for run in runs]
    found = []
    for rule in sorted(set().union(*costs)):
        row = {"rule": rule}
        for run, own in zip(runs, costs, strict=True):
            for name, value in zip(("s", "cpu_s", "max_mb"), own.get(rule, (0.0, 0.0, 0.0)), strict=True):
                row[f"{run.name} {name}"] = f"{value:.1f}"
        found.append(row)
    return found


def _number(text: str) -> float:
    """What Snakemake measured; a job that was over too soon has NA or a dash."""
    return float(text) if text not in ("NA", "-", "") else 0.0


def paired_rows(runs: Sequence[Run], resampling: Resampling) -> list[dict[str, str]]:
    """The first run against each of the others, for each name that both have: the challenge measure and the difference.

    `same_rows` is no where the two do not have the same rows with the same truth, and nothing can be said then.
    """
    found = []
    first, *others = runs
    for task in (*TASKS, *first.together):
        ours = first.frames(task)
        for other in others:
            theirs = other.frames(task)
            for name in (name for name in ours if name in theirs):
                about = {"task": task, "system": name, "first": first.name, "second": other.name}
                found.append(about | _paired(task, (first, ours[name]), (other, theirs[name]), resampling))
    return found


def _paired(name: str, one: tuple[Run, Path], other: tuple[Run, Path], resampling: Resampling) -> dict[str, str]:
    task = task_named(name)
    measure, names = TASKS[task].challenge_measure, TASKS[task].outputs
    about = {"measure": measure, "same_rows": "no"}
    empty = dict.fromkeys(("first_value", "second_value", "difference", "low", "high"), "")
    tables = [read_table(frames(task), path) for _, path in (one, other)]
    if not len(tables[0]) or not tables[0].select(KEYS).equals(tables[1].select(KEYS)):
        return about | empty
    keys = tables[0].select(KEYS)
    (truth, videos), (truth_too, _) = (run.truth(name, keys) for run, _ in (one, other))
    if not np.array_equal(truth, truth_too, equal_nan=True):
        return about | empty
    values = paired_difference(task, truth, [matrix(table, names) for table in tables], videos, resampling)
    texts = dict(zip(empty, (f"{value:.4f}" for value in values), strict=True))
    return about | {"same_rows": "yes"} | texts


def paired_difference(
    task: TaskName, truth: Array, outputs: Sequence[Array], videos: NDArray[np.int64], resampling: Resampling
) -> tuple[float, float, float, float, float]:
    """The challenge measure of two outputs (n, 2 or 8), the second less the first, and the interval of that.

    Arguments as of `drawn_scores`; the interval is the central 95 % over its draws.
    """
    first, second = drawn_scores(task, truth, outputs, videos, resampling)
    tail = (1 - INTERVAL) / 2
    low, high = np.quantile((second - first)[1:], [tail, 1 - tail]).tolist()
    return float(first[0]), float(second[0]), float(second[0] - first[0]), low, high


def drawn_scores(
    task: TaskName, truth: Array, outputs: Sequence[Array], videos: NDArray[np.int64], resampling: Resampling
) -> list[Array]:
    """The challenge measure of each of some outputs (n, 2 or 8): on all rows, and on each draw of the videos.

    `truth` is (n, 2 or 1), NaN where unknown, `videos` (n,). A draw has as many videos as there are, with replacement,
    the same for all outputs. Each result is (1 + resamples,).
    """
    known = ~np.isnan(truth).any(axis=1)
    names, of_row = np.unique(videos[known], return_inverse=True)
    shares = np.full(len(names), 1 / len(names))
    draws = np.random.default_rng(resampling.seed).multinomial(len(names), shares, size=resampling.resamples)
    every = np.vstack([np.ones(len(names)), draws]).astype(np.float64)  # the first is the score itself
    measure = TASKS[task].challenge_measure
    return [drawn_measures(task, truth[known], said[known], of_row, every)[measure] for said in outputs]


def score_rows_of(runs: Sequence[Run]) -> list[dict[str, str]]:
    """All scores of all runs, a row each, with the run's name."""
    return [{"run": run.name} | row for run in runs for row in run.scores]
