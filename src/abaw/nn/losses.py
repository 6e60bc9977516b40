"""Losses of the challenges, over the values that have a label.

They select by weights of 0 and 1, not by masks: a GPU would have to be waited for to know how many a mask selects.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from abaw.config.training import ClassWeights, ExpressionLoss, VaLoss
from abaw.tasks import EXPRESSIONS, TASKS, TaskName

Loss = Callable[[Tensor, Tensor], Tensor]
FOCUS = 2.0
"""Gamma of the focal loss (Lin et al. 2017, and the authors' code)."""


def ccc_loss(outputs: Tensor, truth: Tensor) -> Tensor:
    """Sum over the dimensions of 1 - CCC (paper eq. (2), population variance), all items of the batch pooled.

    `outputs` and `truth` are (..., n_dimensions); items with a NaN in `truth` are left out. Without two labelled items
    there is no covariance, and the loss is a zero that still has a gradient.
    """
    flat, target, known = _flat(outputs, truth)
    n = known.sum()
    over = known / n.clamp_min(1)
    mean_x, mean_y = (flat * over).sum(0), (target * over).sum(0)
    off_x, off_y = flat - mean_x, target - mean_y
    covariance = (off_x * off_y * over).sum(0)
    spread = ((off_x**2 + off_y**2) * over).sum(0) + (mean_x - mean_y) ** 2
    return (1 - 2 * covariance / spread.clamp_min(1e-8)).sum() * (n > 1)


def rmse_loss(outputs: Tensor, truth: Tensor) -> Tensor:
    """Mean over the dimensions of the root mean squared error; shapes and unknown items as in `ccc_loss`."""
    flat, target, known = _flat(outputs, truth)
    n = known.sum()
    squared = ((flat - target) ** 2 * known).sum(0) / n.clamp_min(1)
    return (squared + 1e-12).sqrt().mean() * (n > 0)  # the root has no gradient at 0


def both_losses(outputs: Tensor, truth: Tensor) -> Tensor:
    """`ccc_loss` and `rmse_loss` added; shapes and unknown items as there."""
    return ccc_loss(outputs, truth) + rmse_loss(outputs, truth)


VALUE_LOSSES: dict[VaLoss, Loss] = {"ccc": ccc_loss, "rmse": rmse_loss, "sum": both_losses}


def _flat(outputs: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs and truth (n, n_dimensions), 0 where unknown, and which items are known, (n, 1), as 0 and 1."""
    target = truth.flatten(0, -2)
    known = ~target.isnan().any(dim=-1, keepdim=True)
    return outputs.flatten(0, -2), target.where(known, 0.0), known.to(outputs.dtype)


def expression_loss(class_weights: Tensor, label_smoothing: float = 0.0, focus: float = 0.0) -> Loss:
    """Cross-entropy weighted by class: logits (..., 8) against class numbers (...) as floats, NaN where unknown.

    `focus` is gamma of the focal loss (Lin et al. 2017), which weights an item by (1 - p)^gamma, p being the
    probability that its true class has; 0 is the cross-entropy. The sum is divided by the sum of the class weights.
    """

    def loss(outputs: Tensor, truth: Tensor) -> Tensor:
        target = truth.flatten()
        known = ~target.isnan()
        logits, classes = outputs.flatten(0, -2), target.where(known, 0.0).long()
        each = functional.cross_entropy(
            logits, classes, weight=class_weights, label_smoothing=label_smoothing, reduction="none"
        )
        if focus:
            each = each * (1 - logits.softmax(-1).gather(1, classes[:, None])[:, 0]) ** focus
        return (each * known).sum() / (class_weights[classes] * known).sum().clamp_min(1e-12)

    return loss


def flags_loss(positive_weights: Tensor) -> Loss:
    """Mean binary cross-entropy of probabilities (..., flags) against 0 and 1, items with a NaN left out.

    A flag that is there counts `positive_weights` (flags,) times.
    """

    def loss(outputs: Tensor, truth: Tensor) -> Tensor:
        flat, target, known = _flat(outputs, truth)
        weights = (1 + target * (positive_weights - 1)) * known
        each = functional.binary_cross_entropy(flat.clamp(1e-6, 1 - 1e-6), target, reduction="none")
        return (each * weights).sum() / weights.sum().clamp_min(1e-12)

    return loss


def flag_weights(flags: NDArray[np.float64], kind: ClassWeights) -> Tensor:
    """How much rarer each flag (n, flags) is there than not, at most ten times, `sqrt` the root of that.

    It is 1 where a flag never is, and everywhere with `none`.
    """
    if kind == "none":
        return torch.ones(flags.shape[1])
    known = flags[~np.isnan(flags).any(axis=1)]
    there = known.sum(axis=0)
    odds = np.divide(len(known) - there, there, out=np.ones(len(there)), where=there > 0).clip(0.1, 10)
    return torch.tensor(odds if kind == "inverse" else np.sqrt(odds), dtype=torch.float32)


def class_weights(classes: NDArray[np.float64], kind: ClassWeights, n_classes: int = len(EXPRESSIONS)) -> Tensor:
    """Weights (n_classes,); `inverse` and `sqrt` count them on `classes`, numbers or NaN.

    They are inverse to the count of each class, or to its root, with mean 1 over the classes that occur; 0 for one that
    does not. With `none` all are 1.
    """
    if kind == "none":
        return torch.ones(n_classes)
    counts = np.bincount(classes[~np.isnan(classes)].astype(int), minlength=n_classes)
    scale = counts if kind == "inverse" else np.sqrt(counts)
    weights = np.divide(1.0, scale, out=np.zeros(n_classes), where=counts > 0)
    return torch.tensor(weights * (counts > 0).sum() / max(weights.sum(), 1e-12), dtype=torch.float32)


def task_loss(
    task: TaskName,
    truth: NDArray[np.float64],
    device: torch.device,
    *,
    expression: ExpressionLoss = "cross_entropy",
    weights: ClassWeights = "inverse",
    label_smoothing: float = 0.0,
    values: VaLoss = "ccc",
) -> Loss:
    """The loss of a challenge; `weights` of classes and flags are counted on the training labels `truth`."""
    n = len(TASKS[task].outputs)
    if TASKS[task].kind == "values":
        return VALUE_LOSSES[values]
    if TASKS[task].kind == "flags":
        return flags_loss(flag_weights(truth.reshape(-1, n), weights).to(device))
    by_class = class_weights(truth.ravel(), weights, n).to(device)
    return expression_loss(by_class, label_smoothing, FOCUS if expression == "focal" else 0.0)
