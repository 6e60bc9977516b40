"""Labelled face crops as training items: compressed in memory, decoded when asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

from abaw.faces.crop import decode_crop
from abaw.frames import blocks, labels_at, labels_by_sample
from abaw.nn.static import StaticSpec, letterbox, to_batch
from abaw.tables import read_table
from abaw.tasks import TaskName


class LabelledCrops:
    """The frames of some samples that have a face and a label.

    `labels` is (n,) classes or (n, 2) values as float64. The crops stay JPEG, a hundredth of the pixels they stand for.
    """

    def __init__(self, task: TaskName, faces: Sequence[Path], samples: Sequence[str], labels: pa.Table) -> None:
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
                known = ~np.isnan(values).any(axis=1)
                self.crops.extend(rows["crop"].filter(pa.array(known)).to_pylist())
                found.append(values[known])
        stacked = np.concatenate(found)
        self.labels = stacked if task == "va" else stacked[:, 0]

    def __len__(self) -> int:
        return len(self.crops)

    def images(self, items: Sequence[int], spec: StaticSpec, device: torch.device) -> Tensor:
        """The crops of some items as a batch in [0, 1]."""
        return to_batch([letterbox(decode_crop(self.crops[item]), spec.input_px) for item in items], device)


def augmentation() -> v2.Transform:
    """Mirror image, position, light, colour and a hidden patch, drawn anew for each image of a training batch.

    They act on images in [0, 1]. The paper's twelve (§3.2.2), each with a probability of 0.05, are for corpora of many
    identities; on a few, a network learns who smiles rather than smiles unless it sees more changes.
    """
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(degrees=10, translate=(0.08, 0.08), scale=(0.85, 1.15)),
            v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.08),
            v2.RandomGrayscale(0.3),
            v2.RandomErasing(0.25, scale=(0.02, 0.15)),
        ]
    )
