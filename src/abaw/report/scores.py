"""Scores of every system as one table of rows, for people and for the report."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abaw import metrics
from abaw.report.bootstrap import intervals
from abaw.running.files import whole_file
from abaw.tasks import TASKS, TaskName

SCORE_COLUMNS = ("task", "system", "split", "measure", "value", "low", "high", "rows", "videos", "fitted_on")


@dataclass(frozen=True)
class Resampling:
    """How often, and with which seed, videos are drawn anew for the intervals."""

    resamples: int
    seed: int


def score_rows(
    task: TaskName,
    system: str,
    split: str,
    truth: NDArray[np.float64],
    outputs: NDArray[np.float64],
    videos: ArrayLike,
    fitted_on: str,
    resampling: Resampling,
) -> list[dict[str, Any]]:
    """One row for each measure of a system on all labelled rows of a split, pooled; columns as `SCORE_COLUMNS`.

    `truth` is (n, 2) or (n, 1) with NaN where nothing was annotated, `outputs` (n, 2) or (n, 8), `videos` (n,) names or
    numbers.
    """
    known = ~np.isnan(truth).any(axis=1)
    about = (int(known.sum()), len(np.unique(np.asarray(videos)[known])), fitted_on)
    ends = intervals(task, truth, outputs, videos, resampling.resamples, resampling.seed)
    found = []
    for measure, value in metrics.score(task, truth, outputs).items():
        numbers = [f"{number:.4f}" for number in (value, *ends[measure])]
        found.append(dict(zip(SCORE_COLUMNS, (task, system, split, measure, *numbers, *about), strict=True)))
    return found


def constant_outputs(task: TaskName, truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a system would say that always gives the mean, or the most frequent class, of the truth itself."""
    known = truth[~np.isnan(truth).any(axis=1)]
    if TASKS[task].kind != "classes":
        return np.tile(known.mean(axis=0), (len(truth), 1))
    most_frequent = np.bincount(known[:, 0].astype(int)).argmax()
    return np.tile(np.eye(len(TASKS[task].outputs))[most_frequent], (len(truth), 1))


def write_scores(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write score rows as CSV."""
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, SCORE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
