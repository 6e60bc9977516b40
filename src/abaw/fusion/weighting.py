"""Weighted sums of several models' outputs, by weights that `abaw.fusion.dirichlet` has chosen (paper §2.3).

Apart from the choice, so that whoever only applies weights need not load what fits them.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import entr, softmax

from abaw.tables.arrays import logits_of
from abaw.tasks import TASKS, TaskName


def weighted_inputs(
    task: TaskName,
    outputs: Sequence[np.ndarray],
    models: Sequence[str],
    max_entropy_nats: float | None,
    combined: Literal["probabilities", "logits"],
) -> list[np.ndarray]:
    """What of the outputs (n, 2 or 8) of each model is weighted.

    Of expressions that is as `combined` says; with `max_entropy_nats` speech has no say where its classes are less
    sure: its rows are zeros.
    """
    if TASKS[task].kind != "classes":
        return list(outputs)
    found = [logits_of(one) if combined == "logits" else one for one in outputs]
    if max_entropy_nats is not None and "acoustic" in models:
        place = models.index("acoustic")
        unsure = _entropies_nats(outputs[place]) > max_entropy_nats
        found[place] = np.where(unsure[:, None], 0.0, found[place])
    return found


def as_probabilities(task: TaskName, fused: np.ndarray, combined: Literal["probabilities", "logits"]) -> np.ndarray:
    """What comes of weighting, (n, 2 or 8), as a system says it: the classes of weighted logits sum to one."""
    return softmax(fused, axis=1) if TASKS[task].kind == "classes" and combined == "logits" else fused


def fuse(outputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over the models of `outputs` (models, n, outputs) times `weights` (models, outputs): shape (n, outputs).

    Outputs of another layout go with weights that broadcast to it; the order of the sum, and so each bit, is the same.
    """
    total = outputs[0] * weights[0]
    for one, weight in zip(outputs[1:], weights[1:], strict=True):
        total += one * weight
    return total


def _entropies_nats(classes: np.ndarray) -> np.ndarray:
    """The entropy of each row (n, classes), brought to a sum of one."""
    return entr(classes / classes.sum(axis=1, keepdims=True)).sum(axis=1)
