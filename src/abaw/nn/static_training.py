"""Train the frame-level model on labelled crops, and take embeddings from it (paper §2.2.1, §3.2.2)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from tqdm import tqdm

from abaw import metrics
from abaw.config import StaticConfig
from abaw.faces.crop import decode_crop
from abaw.nn.crops import LabelledCrops, augmentation
from abaw.nn.losses import task_loss
from abaw.nn.resume import Resume
from abaw.nn.static import StaticModel, StaticSpec, letterbox, load_backbone_weights, normalise, to_batch
from abaw.nn.training import History, Scores, fit
from abaw.tables import EMBEDDING_SIZE, SCHEMAS, read_table
from abaw.tasks import TASKS, TaskName

INFERENCE_BATCH = 32


def train_static(
    task: TaskName,
    train: LabelledCrops,
    val: LabelledCrops,
    settings: StaticConfig,
    seed: int,
    device: torch.device,
    resume: Resume | None = None,
) -> tuple[StaticModel, StaticSpec, History]:
    """Fine-tune the whole network on crops; the epoch is chosen by the challenge measure on the crops of `val`."""
    spec = StaticSpec.of(task, settings)
    model = StaticModel(spec)
    load_backbone_weights(model, settings)
    model.to(device)
    loss = task_loss(task, train.labels, device)
    truth = torch.from_numpy(train.labels).float()
    augment = augmentation()

    def batch_loss(items: Tensor) -> Tensor:
        images = torch.stack([augment(image) for image in train.images(items.tolist(), spec, device)])
        return loss(model(normalise(images, spec))[1], truth[items].to(device))

    def evaluate() -> Scores:
        outputs = np.concatenate([model(images)[1].cpu().numpy() for images in _all_images(val, spec, device)])
        return metrics.score(task, val.labels, outputs)

    measure = TASKS[task].challenge_measure
    return model, spec, fit(model, batch_loss, len(train), evaluate, measure, settings.training, seed, resume)


def embed(model: StaticModel, spec: StaticSpec, faces: Path, samples: Sequence[str], device: torch.device) -> pa.Table:
    """An `embeddings` table of every analysed frame of some samples of one video; null where there is no face."""
    table = read_table("faces", faces, ["sample", "frame", "time_s", "has_face", "crop"])
    wanted = pa.compute.is_in(table["sample"], pa.array(samples))
    table = table.filter(wanted).sort_by([("sample", "ascending"), ("frame", "ascending")])
    crops = table["crop"].drop_null().to_pylist()
    found = [np.empty((0, EMBEDDING_SIZE), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(crops), INFERENCE_BATCH):
            squares = [letterbox(decode_crop(crop), spec.input_px) for crop in crops[start : start + INFERENCE_BATCH]]
            found.append(model(normalise(to_batch(squares, device), spec))[0].float().cpu().numpy())
    known = table["has_face"].combine_chunks()
    values = np.zeros((len(table), EMBEDDING_SIZE), dtype=np.float16)
    values[known.to_numpy(zero_copy_only=False)] = np.concatenate(found)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), EMBEDDING_SIZE, mask=pa.compute.invert(known))
    return table.drop_columns("crop").append_column(SCHEMAS["embeddings"].field("embedding"), column)


def _all_images(crops: LabelledCrops, spec: StaticSpec, device: torch.device) -> Iterator[Tensor]:
    for start in tqdm(range(0, len(crops), INFERENCE_BATCH), "validation", leave=False, disable=None):
        yield normalise(crops.images(range(start, min(start + INFERENCE_BATCH, len(crops))), spec, device), spec)
