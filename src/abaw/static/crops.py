"""Labelled face crops as training items: compressed in memory, decoded when asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw.faces.crop import decode_crop
from abaw.running.errors import UserError
from abaw.static.model import StaticSpec, letterbox, to_batch
from abaw.tables.arrays import blocks, labels_at, labels_by_sample, matrix
from abaw.tables.files import read_table, read_tables
from abaw.tasks import TASKS, TaskName

HELD_OUT = 10
"""Every tenth item of the pre-training corpora validates where none of them has a validation split."""


@dataclass(frozen=True)
class Crops:
    """Face crops as JPEG, a hundredth of the pixels that they stand for, and their labels by task.

    The labels are classes (n,) or values (n, 2) as float64, NaN where unknown.
    """

    jpegs: list[bytes]
    labels: dict[TaskName, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.jpegs)

    def __getitem__(self, items: slice | NDArray[np.int64]) -> "Crops":
        numbers = np.arange(len(self))[items]
        return Crops([self.jpegs[n] for n in numbers], {task: values[numbers] for task, values in self.labels.items()})

    def images(self, items: Sequence[int], spec: StaticSpec, device: torch.device) -> Tensor:
        """The crops of some items as a batch in [0, 1]."""
        return to_batch([letterbox(decode_crop(self.jpegs[item]), spec.input_px) for item in items], device)


def labelled_crops(
    task: TaskName, faces: Sequence[Path], samples: Sequence[str], labels: pa.Table, every_nth: int = 1
) -> Crops:
    """The frames of some samples that have a face and a label, every n-th of each sample, out of `faces` tables."""
    by_sample = labels_by_sample(task, labels)
    wanted = set(samples)
    jpegs: list[bytes] = []
    found: list[NDArray[np.float64]] = [np.empty((0, len(TASKS[task].labels)))]
    for path in faces:
        table = read_table("faces", path, ["sample", "frame", "has_face", "crop"])
        for sample, rows in blocks(
            table.filter(pc.field("has_face")).sort_by([("sample", "ascending"), ("frame", "ascending")])
        ):
            if sample not in wanted:
                continue
            values = labels_at(by_sample[sample], rows["frame"].to_numpy())
            known = np.flatnonzero(~np.isnan(values).any(axis=1))[::every_nth]
            jpegs.extend(rows["crop"].take(pa.array(known)).to_pylist())
            found.append(values[known])
    return Crops(jpegs, {task: _flat(task, np.concatenate(found))})


def pretraining_crops(paths: Sequence[Path]) -> tuple[Crops, Crops]:
    """Training and validation crops of `pretraining_crops` tables, with the labels of both challenges.

    Where no corpus has a validation split, every tenth of the training crops validates instead. Raises `UserError`
    where there is nothing to train on or to choose by.
    """
    table = read_tables("pretraining_crops", paths)
    train, val = (crops_of(table.filter(pc.field("split") == split)) for split in ("train", "val"))
    if not len(val):
        held_out = np.arange(len(train)) % HELD_OUT == HELD_OUT - 1
        train, val = train[np.flatnonzero(~held_out)], train[np.flatnonzero(held_out)]
    if not len(train) or not len(val):
        raise UserError(
            f"{', '.join(map(str, paths))} hold {len(train)} faces for training and {len(val)} for validation; name "
            "corpora in pretraining.roots that have both"
        )
    return train, val


def crops_of(table: pa.Table) -> Crops:
    """All rows of a table `pretraining_crops`, in their order, with the labels of both challenges."""
    labels = {name: _flat(name, matrix(table, task.labels)) for name, task in TASKS.items()}
    return Crops(table["crop"].to_pylist(), labels)


def _flat(task: TaskName, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (n, 2) as they are, classes (n, 1) as (n,)."""
    return values if task == "va" else values[:, 0]
