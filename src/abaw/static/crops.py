"""Labelled face crops as training items, of about the size that the network sees."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tqdm import tqdm

from abaw.running.errors import UserError
from abaw.static.feed import Jpegs
from abaw.tables.arrays import labels_at, labels_by_sample, matrix, rows_by_sample
from abaw.tables.files import read_groups, read_rows, read_table
from abaw.tasks import TASKS, TaskName

HELD_OUT = 10
"""Every tenth item of the pre-training corpora validates where none of them has a validation split."""


@dataclass(frozen=True)
class Crops:
    """Face crops as JPEG, a hundredth of the pixels that they stand for, and their labels by task.

    The labels are classes (n,) or values (n, 2) as float64, NaN where unknown.
    """

    jpegs: Jpegs
    labels: dict[TaskName, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.jpegs)

    def __getitem__(self, items: NDArray[np.integer]) -> "Crops":
        return Crops(self.jpegs[items], {task: values[items] for task, values in self.labels.items()})


class Part(NamedTuple):
    """Samples whose crops are wanted, every n-th of each sample."""

    samples: Sequence[str]
    every_nth: int = 1


def labelled_crops(
    task: TaskName, faces: Sequence[Path], parts: Sequence[Part], labels: pa.Table, side_px: int, threads: int = 1
) -> list[Crops]:
    """The frames of each part, such as a split, that have a face and a label, out of `faces` tables.

    Each table is read once, and of its crops only those that are wanted, a few at a time. Those that are much larger
    than `side_px` are made smaller, by `threads` threads.
    """
    by_sample = labels_by_sample(task, labels)
    part_of = {sample: number for number, part in enumerate(parts) for sample in part.samples}
    values, of_part = [np.empty((0, len(TASKS[task].labels)))], [np.empty(0, np.int64)]
    places = [np.empty(0, np.int64)]

    def jpegs() -> Iterator[bytes]:
        n_read = 0
        for path in tqdm(faces, "crops", unit="table", leave=False, disable=None):
            keys = read_table("faces", path, ["sample", "frame", "has_face"])
            has_face, frames = keys["has_face"].to_numpy(), keys["frame"].to_numpy()
            wanted = [np.empty(0, np.int64)]
            for sample, rows in sorted(rows_by_sample(keys["sample"]).items()):
                if (number := part_of.get(sample)) is not None:
                    seen = rows[has_face[rows]]
                    known = labels_at(by_sample[sample], frames[seen])
                    chosen = np.flatnonzero(~np.isnan(known).any(axis=1))[:: parts[number].every_nth]
                    wanted.append(seen[chosen])
                    values.append(known[chosen])
                    of_part.append(np.full(len(chosen), number))
            rows = np.concatenate(wanted)
            # The rows of two people in a video take turns: they are read in the table's order.
            places.append(n_read + np.argsort(np.argsort(rows)))
            n_read += len(rows)
            for group in read_rows("faces", path, ["crop"], np.sort(rows)):
                yield from group["crop"].to_pylist()

    stored = Jpegs.of(jpegs(), side_px, threads)
    whole = Crops(stored[np.concatenate(places)], {task: _flat(task, np.concatenate(values))})
    return [whole[np.flatnonzero(np.concatenate(of_part) == number)] for number in range(len(parts))]


def pretraining_crops(paths: Sequence[Path], side_px: int, threads: int = 1) -> tuple[Crops, Crops]:
    """Training and validation crops of `pretraining_crops` tables, with the labels of both challenges; see `crops_of`.

    Where no corpus has a validation split, every tenth of the training crops validates instead. Raises `UserError`
    where there is nothing to train on or to choose by.
    """
    splits: list[NDArray[np.bool_]] = [np.empty(0, bool)]

    def tables() -> Iterator[pa.Table]:
        columns = ["split", "crop", *(name for task in TASKS.values() for name in task.labels)]
        for path in tqdm(paths, "crops", unit="table", leave=False, disable=None):
            for group in read_groups("pretraining_crops", path, columns):
                table = group.filter(pc.field("split").isin(["train", "val"]))
                splits.append(pc.equal(table["split"], "val").to_numpy())
                yield table

    whole = crops_of(tables(), side_px, threads)
    validates = np.concatenate(splits)
    if not validates.any():
        validates = np.arange(len(whole)) % HELD_OUT == HELD_OUT - 1
    train, val = (whole[np.flatnonzero(chosen)] for chosen in (~validates, validates))
    if not len(train) or not len(val):
        raise UserError(
            f"{', '.join(map(str, paths))} hold {len(train)} faces for training and {len(val)} for validation; name "
            "corpora in pretraining.roots that have both"
        )
    return train, val


def crops_of(tables: Iterable[pa.Table], side_px: int, threads: int = 1) -> Crops:
    """All rows of tables `pretraining_crops`, in their order, with the labels of both challenges.

    Crops that are much larger than `side_px` are made smaller, by `threads` threads.
    """
    found = {name: [np.empty((0, len(task.labels)))] for name, task in TASKS.items()}

    def jpegs() -> Iterator[bytes]:
        for table in tables:
            for name, task in TASKS.items():
                found[name].append(matrix(table, task.labels))
            yield from table["crop"].to_pylist()

    stored = Jpegs.of(jpegs(), side_px, threads)
    return Crops(stored, {name: _flat(name, np.concatenate(values)) for name, values in found.items()})


def _flat(task: TaskName, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Classes (n, 1) as (n,), others as they are."""
    return values[:, 0] if TASKS[task].kind == "classes" else values
