"""Scores of every system as one table of rows, for people and for the report."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abaw import metrics
from abaw.files import whole_file
from abaw.tasks import EXPRESSIONS, TaskName

SCORE_COLUMNS = ("task", "system", "split", "measure", "value", "rows", "fitted_on")


def score_rows(
    task: TaskName, system: str, split: str, truth: NDArray[np.float64], outputs: NDArray[np.float64], fitted_on: str
) -> list[dict[str, Any]]:
    """One row for each measure of a system on all labelled rows of a split, pooled; columns as `SCORE_COLUMNS`.

    `truth` is (n, 2) or (n, 1) with NaN where nothing was annotated, `outputs` (n, 2) or (n, 8).
    """
    rows = int((~np.isnan(truth).any(axis=1)).sum())
    scores = metrics.score(task, truth, outputs)
    return [
        dict(zip(SCORE_COLUMNS, (task, system, split, measure, f"{value:.4f}", rows, fitted_on), strict=True))
        for measure, value in scores.items()
    ]


def constant_outputs(task: TaskName, truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a system would say that always gives the mean, or the most frequent class, of the truth itself."""
    known = truth[~np.isnan(truth).any(axis=1)]
    if task == "va":
        return np.tile(known.mean(axis=0), (len(truth), 1))
    most_frequent = np.bincount(known[:, 0].astype(int)).argmax()
    return np.tile(np.eye(len(EXPRESSIONS))[most_frequent], (len(truth), 1))


def write_scores(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write score rows as CSV."""
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, SCORE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
