"""What a nested estimate reads: what every candidate of a model says of validation, and what is known of its rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from abaw.fusion.nested import Validation
from abaw.tables.arrays import candidates_table, matrix, truth_at
from abaw.tables.files import read_metadata, read_table
from abaw.tables.folds import folds_of
from abaw.tables.priors import label_prior
from abaw.tables.schemas import candidates, labels, predictions
from abaw.tasks import TASKS, TaskName
from abaw.timeline.rows import rows_of


def read_candidates(task: TaskName, path: Path) -> pa.Table:
    """A table of candidates; the predictions of a model of which nothing is chosen are a single one."""
    if read_metadata(path)["abaw_table"] == candidates(task):
        return read_table(candidates(task), path)
    table = read_table(predictions(task), path)
    start_s, end_s = matrix(table, ["start_s", "end_s"]).T
    outputs = matrix(table, TASKS[task].outputs)
    unknown = np.full((len(table), len(TASKS[task].labels)), np.nan)
    samples = table["sample"].to_pylist()
    return candidates_table(samples, start_s, end_s, outputs[None], unknown, task, chooses=False)


def read_validation(
    task: TaskName, tracks: Path, learned: Path, asked: Path, n_folds: int, empty: int = 0
) -> tuple[pa.Table, Validation]:
    """The keys of the rows of validation, and all that is known of them, in folds of its videos.

    `tracks` and the labels `asked` are those of validation, the labels `learned` of training. Raises `UserError` where
    fewer than two videos of validation are annotated.
    """
    table = read_table("tracks", tracks)
    rows = rows_of(table)
    samples = np.repeat([row.sample for row in rows], [row.n_rows for row in rows])
    numbers = np.concatenate([np.arange(1, row.n_rows + 1) for row in rows])
    keys = pa.table({"sample": pa.array(samples, pa.string()), "frame": pa.array(numbers, pa.int32())})
    truth = truth_at(task, keys, read_table(labels(task), asked))
    video = dict(zip(table["sample"].to_pylist(), table["video"].to_pylist(), strict=True))
    known = matrix(read_table(labels(task), learned), TASKS[task].labels)
    prior = label_prior(task, known[:, 0] if TASKS[task].kind == "classes" else known)
    fold = folds_of([video[sample] for sample in samples.tolist()], truth, n_folds)
    return keys, Validation(task, rows, truth, video, fold, prior, empty)
