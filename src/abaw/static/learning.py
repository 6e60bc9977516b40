"""The loss of a batch of pictures: changed, mixed, and shown to the network, without a wait for its device."""

from collections.abc import Callable, Mapping

import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw.config import ImageTrainingConfig
from abaw.nn.losses import task_loss
from abaw.nn.parallel import team
from abaw.nn.runtime import half_on_gpu, sent
from abaw.static.augmentation import augmentation
from abaw.static.feed import Batch
from abaw.static.images import Normaliser, as_grey, as_images
from abaw.static.spec import StaticSpec
from abaw.tasks import TASKS, TaskName


def picture_loss(
    model: Callable[[Tensor], tuple[Tensor, Mapping[TaskName, Tensor]]],
    spec: StaticSpec,
    labels: Mapping[TaskName, NDArray],
    settings: ImageTrainingConfig,
    device: torch.device,
    expression_weight: float = 1.0,
) -> Callable[[Batch], Tensor]:
    """What maps a batch to the sum of the losses of the tasks in `labels`.

    `labels` are those of all pictures, by the numbers of a batch's items; one without a label of a task has no loss
    there. That of the expressions counts `expression_weight` times where there are two tasks. In a team
    (`abaw.nn.parallel`) the batch is a part of one, and the loss that of the whole.
    """
    together = team()
    losses = {
        task: task_loss(
            task,
            known,
            device,
            expression=settings.expression_loss,
            weights=settings.class_weights,
            label_smoothing=settings.label_smoothing,
            values=settings.va_loss,
        )
        for task, known in labels.items()
    }
    weights = {task: expression_weight if TASKS[task].kind == "classes" and len(labels) > 1 else 1.0 for task in labels}
    truth = {task: torch.from_numpy(known).float().to(device) for task, known in labels.items()}
    augment = augmentation(settings.augmentation, settings.learning_px(spec.input_px))
    normalise = Normaliser(spec, device)

    def loss_of(outputs: Mapping[TaskName, Tensor], items: Tensor) -> Tensor:
        each = [weights[task] * loss(outputs[task], truth[task][items]) for task, loss in losses.items()]
        return torch.stack(each).sum()

    def batch_loss(batch: Batch) -> Tensor:
        images = as_images(batch.pixels, device)
        images = augment(as_grey(images) if spec.grey else images)
        items = batch.items.to(device, non_blocking=True)
        share, partners = 1.0, items
        if settings.mixup is not None:
            shares = torch.distributions.Beta(settings.mixup, settings.mixup)
            share = together.agreed(lambda: float(shares.sample()))
            order = sent(torch.randperm(len(images)), device)
            images, partners = torch.lerp(images[order], images, share), items[order]
        with half_on_gpu(device):
            found = model(normalise(images))[1]
        outputs = {task: together.gathered(found[task].float()) for task in losses}
        loss = loss_of(outputs, together.gathered(items))
        if settings.mixup is None:
            return loss
        return share * loss + (1 - share) * loss_of(outputs, together.gathered(partners))

    return batch_loss
