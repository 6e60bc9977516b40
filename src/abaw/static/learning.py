"""The loss of a batch of pictures: changed, mixed, and shown to the network, without a wait for its device."""

from collections.abc import Callable, Mapping

import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw.config import ImageTrainingConfig
from abaw.nn.losses import task_loss
from abaw.nn.runtime import half_on_gpu
from abaw.static.augmentation import augmentation
from abaw.static.changes import sent
from abaw.static.feed import Batch
from abaw.static.model import Normaliser, StaticModel, StaticSpec, as_images
from abaw.tasks import TASKS, TaskName


def picture_loss(
    model: StaticModel,
    spec: StaticSpec,
    labels: Mapping[TaskName, NDArray],
    settings: ImageTrainingConfig,
    device: torch.device,
    expression_weight: float = 1.0,
) -> Callable[[Batch], Tensor]:
    """What maps a batch to the sum of the losses of the tasks in `labels`.

    `labels` are those of all pictures, by the numbers of a batch's items; one without a label of a task has no loss
    there. That of the expressions counts `expression_weight` times where there are two tasks.
    """
    losses = {
        task: task_loss(
            task,
            known,
            device,
            expression=settings.expression_loss,
            weights=settings.class_weights,
            label_smoothing=settings.label_smoothing,
            va=settings.va_loss,
        )
        for task, known in labels.items()
    }
    weights = {task: expression_weight if TASKS[task].kind == "classes" and len(labels) > 1 else 1.0 for task in labels}
    truth = {task: torch.from_numpy(known).float().to(device) for task, known in labels.items()}
    augment = augmentation(settings.augmentation, spec.input_px)
    normalise = Normaliser(spec, device)

    def loss_of(outputs: Mapping[TaskName, Tensor], items: Tensor) -> Tensor:
        each = [weights[task] * loss(outputs[task].float(), truth[task][items]) for task, loss in losses.items()]
        return torch.stack(each).sum()

    def batch_loss(batch: Batch) -> Tensor:
        images = augment(as_images(batch.pixels, device))
        items = batch.items.to(device, non_blocking=True)
        share, partners = 1.0, items
        if settings.mixup is not None:
            share = float(torch.distributions.Beta(settings.mixup, settings.mixup).sample())
            order = sent(torch.randperm(len(images)), device)
            images, partners = torch.lerp(images[order], images, share), items[order]
        with half_on_gpu(device):
            outputs = model(normalise(images))[1]
        loss = loss_of(outputs, items)
        return loss if settings.mixup is None else share * loss + (1 - share) * loss_of(outputs, partners)

    return batch_loss
