"""Labelled face crops as training items: compressed in memory, decoded when asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw.faces.crop import decode_crop
from abaw.frames import blocks, labels_at, labels_by_sample
from abaw.nn.static import StaticSpec, letterbox, to_batch
from abaw.tables import read_table
from abaw.tasks import TaskName


class LabelledCrops:
    """The frames of some samples that have a face and a label, every n-th of each sample.

    `labels` is (n,) classes or (n, 2) values as float64. The crops stay JPEG, a hundredth of the pixels they stand for.
    """

    def __init__(
        self, task: TaskName, faces: Sequence[Path], samples: Sequence[str], labels: pa.Table, every_nth: int = 1
    ) -> None:
        by_sample = labels_by_sample(task, labels)
        wanted = set(samples)
        self.crops: list[bytes] = []
        found: list[NDArray[np.float64]] = [np.empty((0, 2 if task == "va" else 1))]
        for path in faces:
            table = read_table("faces", path, ["sample", "frame", "has_face", "crop"])
            for sample, rows in blocks(
                table.filter(pc.field("has_face")).sort_by([("sample", "ascending"), ("frame", "ascending")])
            ):
                if sample not in wanted:
                    continue
                values = labels_at(by_sample[sample], rows["frame"].to_numpy())
                known = np.flatnonzero(~np.isnan(values).any(axis=1))[::every_nth]
                self.crops.extend(rows["crop"].take(pa.array(known)).to_pylist())
                found.append(values[known])
        stacked = np.concatenate(found)
        self.labels = stacked if task == "va" else stacked[:, 0]

    def __len__(self) -> int:
        return len(self.crops)

    def images(self, items: Sequence[int], spec: StaticSpec, device: torch.device) -> Tensor:
        """The crops of some items as a batch in [0, 1]."""
        return to_batch([letterbox(decode_crop(self.crops[item]), spec.input_px) for item in items], device)
