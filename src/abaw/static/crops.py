"""Labelled face crops as training items: compressed in a scratch file, decoded when asked for."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from abaw.faces.crop import decode_crop
from abaw.running.errors import UserError
from abaw.static.model import StaticSpec, letterbox, to_batch
from abaw.tables.arrays import labels_at, labels_by_sample, matrix, rows_by_sample
from abaw.tables.files import read_groups, read_rows, read_table
from abaw.tasks import TASKS, TaskName

HELD_OUT = 10
"""Every tenth item of the pre-training corpora validates where none of them has a validation split."""


@dataclass(frozen=True)
class Jpegs:
    """Compressed images, one after the other in a scratch file without a name, which goes with the process.

    In memory are only their places in it, (n,): AffWild2's crops, or those of ten corpora, are more than that holds.
    What is free of the memory caches the file, without this process's asking.
    """

    file: IO[bytes]
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, jpegs: Iterable[bytes]) -> "Jpegs":
        """Write the images, as they come, to the folder that TMPDIR names."""
        file = TemporaryFile(prefix="abaw.crops.")  # noqa: SIM115 (it lives as long as this object)
        sizes = np.fromiter((file.write(jpeg) for jpeg in jpegs), np.int64)
        file.flush()
        return cls(file, np.cumsum(sizes) - sizes, sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, items: NDArray[np.integer]) -> "Jpegs":
        """Some of the images, out of the same file."""
        return Jpegs(self.file, self.begins[items], self.sizes[items])

    def read(self, item: int) -> bytes:
        """One image; threads may read at the same time."""
        return os.pread(self.file.fileno(), int(self.sizes[item]), int(self.begins[item]))


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

    def images(self, items: Sequence[int], spec: StaticSpec, device: torch.device) -> Tensor:
        """The crops of some items as a batch in [0, 1]."""
        return to_batch([letterbox(decode_crop(self.jpegs.read(item)), spec.input_px) for item in items], device)


class Part(NamedTuple):
    """Samples whose crops are wanted, every n-th of each sample."""

    samples: Sequence[str]
    every_nth: int = 1


def labelled_crops(task: TaskName, faces: Sequence[Path], parts: Sequence[Part], labels: pa.Table) -> list[Crops]:
    """The frames of each part, such as a split, that have a face and a label, out of `faces` tables.

    Each table is read once, and of its crops only those that are wanted, a few at a time.
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

    stored = Jpegs.of(jpegs())
    whole = Crops(stored[np.concatenate(places)], {task: _flat(task, np.concatenate(values))})
    return [whole[np.flatnonzero(np.concatenate(of_part) == number)] for number in range(len(parts))]


def pretraining_crops(paths: Sequence[Path]) -> tuple[Crops, Crops]:
    """Training and validation crops of `pretraining_crops` tables, with the labels of both challenges.

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

    whole = crops_of(tables())
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


def crops_of(tables: Iterable[pa.Table]) -> Crops:
    """All rows of tables `pretraining_crops`, in their order, with the labels of both challenges."""
    found = {name: [np.empty((0, len(task.labels)))] for name, task in TASKS.items()}

    def jpegs() -> Iterator[bytes]:
        for table in tables:
            for name, task in TASKS.items():
                found[name].append(matrix(table, task.labels))
            yield from table["crop"].to_pylist()

    stored = Jpegs.of(jpegs())
    return Crops(stored, {name: _flat(name, np.concatenate(values)) for name, values in found.items()})


def _flat(task: TaskName, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (n, 2) as they are, classes (n, 1) as (n,)."""
    return values if task == "va" else values[:, 0]
