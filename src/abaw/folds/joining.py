"""What the models of all folds say, put together: each annotated row by models that have not seen its video."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from abaw.tables.arrays import KEYS, blocks, frames_table, matrix
from abaw.tasks import TASKS, TaskName


def join_unseen(frames: Sequence[pa.Table], trained_on: Sequence[pa.Table], order: Sequence[str]) -> pa.Table:
    """The frames of each fold's validation one after the other, samples in an `order`.

    `trained_on` are the tables `tracks` of each fold's training. Raises ValueError where a fold's frames are of a video
    that its models were trained on, or where a sample is not in exactly one fold: that is a bug, and would be a lie.
    """
    found: dict[str, pa.Table] = {}
    for number, (table, tracks) in enumerate(zip(frames, trained_on, strict=True), start=1):
        seen = set(tracks["sample"].to_pylist()) | set(tracks["video"].to_pylist())
        for sample, rows in blocks(table):
            video = sample.removesuffix("_left").removesuffix("_right")
            if sample in seen or video in seen:
                raise ValueError(f"the models of fold {number} were trained on the video of the sample {sample}")
            if sample in found:
                raise ValueError(f"the sample {sample} is in two folds")
            found[sample] = rows
    if set(found) != set(order):
        raise ValueError(f"{len(set(order) ^ set(found))} samples are in no fold, or in no track")
    return pa.concat_tables([found[sample] for sample in order])


def mean_frames(task: TaskName, frames: Sequence[pa.Table]) -> pa.Table:
    """The mean of what several models say of the same rows: those of each fold of test, or those of each seed.

    Raises ValueError where the rows are not the same.
    """
    first = frames[0].select(KEYS)
    if not all(table.select(KEYS).equals(first) for table in frames):
        raise ValueError("the models do not predict the same rows")
    return frames_table(task, first, np.mean([matrix(table, TASKS[task].outputs) for table in frames], axis=0))


def rows_of_samples(table: pa.Table, samples: Sequence[str]) -> pa.Table:
    """The rows of a table of some samples, in the order of these; `KeyError` where one has none."""
    inside = table.filter(pc.is_in(table["sample"], pa.array(list(samples), pa.string())))
    own = dict(blocks(inside))
    return pa.concat_tables([inside.slice(0, 0), *(own[sample] for sample in samples)])
