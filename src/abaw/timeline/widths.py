"""The smoothings that are tried on validation, and the one that did best."""

import csv
from pathlib import Path
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from abaw import metrics
from abaw.config.fusion import FilterName, TimelineConfig
from abaw.tasks import TASKS, TaskName
from abaw.timeline.filters import Smoothing

FILTER = "filter"
"""The column of the sweep's CSV that names the filter; without it all are Hamming windows."""


def smoothings(timeline: TimelineConfig) -> list[Smoothing]:
    """What is tried: each length with each filter, the shortest first, 0 s once; without any choice what is fixed."""
    kinds = [kind for kind in get_args(FilterName) if kind in {timeline.filter, *timeline.sweep_filters}]
    widths = sorted({*timeline.sweep_s, timeline.smoothing_s})
    return [Smoothing(kind, width) for width in widths for kind in (kinds if width else kinds[:1])]


def over_folds(
    task: TaskName, truth: NDArray[np.float64], outputs: NDArray[np.float64], fold_of_row: NDArray[np.int64]
) -> float:
    """The mean over folds of videos of the challenge measure in each; folds without a truth do not count.

    So no long video, or one with a rare class, decides alone. `truth` is (n, 2 or 1), NaN where unknown.
    """
    known = ~np.isnan(truth).any(axis=1)
    folds = np.unique(fold_of_row[known]).tolist()
    each = [metrics.score(task, truth[fold_of_row == fold], outputs[fold_of_row == fold]) for fold in folds]
    return float(np.mean([scores[TASKS[task].challenge_measure] for scores in each]))


def best_smoothing(path: Path) -> Smoothing:
    """The smoothing that `sweep_smoothing` marks as the best in its CSV."""
    with path.open(newline="", encoding="utf-8") as handle:
        row = next(row for row in csv.DictReader(handle) if row["best"] == "1")
    return Smoothing(cast(FilterName, row.get(FILTER, "hamming")), float(row["smoothing_s"]))
