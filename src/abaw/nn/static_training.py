"""Train the frame-level model on labelled crops (paper §2.2.1, §3.2.2)."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from abaw import metrics
from abaw.config import StaticConfig
from abaw.nn.augmentation import augmentation
from abaw.nn.crops import LabelledCrops
from abaw.nn.losses import task_loss
from abaw.nn.resume import Resume
from abaw.nn.static import StaticModel, StaticSpec, load_backbone_weights, normalise
from abaw.nn.training import History, Scores, fit
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
    loss = task_loss(
        task,
        train.labels,
        device,
        expression=settings.expression_loss,
        weighted=settings.class_weights,
        va=settings.va_loss,
    )
    truth = torch.from_numpy(train.labels).float()
    augment = augmentation(settings.augmentation, spec.input_px)

    def batch_loss(items: Tensor) -> Tensor:
        images = torch.stack([augment(image) for image in train.images(items.tolist(), spec, device)])
        return loss(model(normalise(images, spec))[1], truth[items].to(device))

    def evaluate() -> Scores:
        outputs = np.concatenate([model(images)[1].cpu().numpy() for images in _all_images(val, spec, device)])
        return metrics.score(task, val.labels, outputs)

    measure = TASKS[task].challenge_measure
    return model, spec, fit(model, batch_loss, len(train), evaluate, measure, settings.training, seed, resume)


def _all_images(crops: LabelledCrops, spec: StaticSpec, device: torch.device) -> Iterator[Tensor]:
    for start in tqdm(range(0, len(crops), INFERENCE_BATCH), "validation", leave=False, disable=None):
        yield normalise(crops.images(range(start, min(start + INFERENCE_BATCH, len(crops))), spec, device), spec)
