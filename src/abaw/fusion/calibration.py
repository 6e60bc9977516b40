"""A bias for each class and a temperature on fused probabilities, fitted on validation.

Macro F1 counts each class alike, while a model that is trained by cross-entropy says the rare ones too seldom. A bias
per class on the log probabilities mends that (HSEmotion's search at the 8th and 10th ABAW: +0.027 of macro F1). The
temperature changes no class by itself; it makes probabilities as sure as they are right (Guo et al., ICML 2017), and
the bias is searched on what it makes of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from abaw import metrics
from abaw.config.fusion import CalibrationConfig
from abaw.tables.arrays import logits_of

Array = NDArray[np.float64]
BIASES = np.round(np.arange(-30, 31) / 10, 1)
"""The biases, in nats, that are tried for each class; in steps, since validation knows nothing finer."""
MOST_ROUNDS = 20
LOG_TEMPERATURES = (-3.0, 3.0)


@dataclass(frozen=True)
class Calibration:
    """The log probabilities of each class are divided by `temperature`, then `bias` (classes,) in nats is added."""

    temperature: float
    bias: list[float]

    def apply(self, probabilities: Array) -> Array:
        """Class probabilities (n, classes) that sum to one, out of such that need not."""
        return softmax(self.scores(probabilities), axis=1)

    def scores(self, probabilities: Array) -> Array:
        """Their logarithms, up to a constant in each row."""
        return logits_of(probabilities) / self.temperature + np.array(self.bias)


def fit_calibration(probabilities: Array, truth: Array, settings: CalibrationConfig) -> Calibration:
    """Fit to fused probabilities (n, classes) and classes (n, 1), NaN where unknown; what is not asked for is neutral.

    The temperature has the least log loss; then the bias of one class after the other is set to what gives the best
    macro F1, the nearest to its old one of equals, until none rises. Raises ValueError where no row has a truth.
    """
    known = ~np.isnan(truth[:, 0])
    classes = truth[known, 0].astype(np.intp)
    if not len(classes):
        raise ValueError("no row has a truth")
    n_classes = probabilities.shape[1]
    neutral = Calibration(1.0, [0.0] * n_classes)
    if settings.temperature:
        neutral = Calibration(_temperature(logits_of(probabilities[known]), classes), neutral.bias)
    if not settings.class_bias:
        return neutral
    scores = neutral.scores(probabilities[known])
    bias = np.zeros(n_classes)
    best = metrics.macro_f1(classes, scores.argmax(axis=1), n_classes)
    for _ in range(MOST_ROUNDS):
        before = best
        for number in range(n_classes):
            reached = _along(scores + bias, number, BIASES - bias[number], classes)
            nearest = np.lexsort([np.abs(BIASES - bias[number]), -reached])[0]
            if reached[nearest] > best:
                best, bias[number] = float(reached[nearest]), BIASES[nearest]
        if best == before:
            break
    return Calibration(neutral.temperature, bias.tolist())


def _temperature(logits: Array, classes: NDArray[np.intp]) -> float:
    rows = np.arange(len(classes))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, classes].mean())

    from scipy.optimize import minimize_scalar  # half a second to import, where something is fitted

    return round(float(np.exp(minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded").x)), 4)


def _along(scores: Array, number: int, shifts: Array, classes: NDArray[np.intp]) -> Array:
    """The macro F1 if a shift is added to the scores of one class, for each of rising `shifts`: (shifts,).

    A row goes over to that class once the shift is larger than what the class lacks; all counts follow from sums over
    the rows that have gone over, so that no shift costs a pass over the rows.
    """
    n_classes = scores.shape[1]
    others = scores.copy()
    others[:, number] = -np.inf
    rival = others.argmax(axis=1)
    lacks = others.max(axis=1) - scores[:, number]
    # Of equals the first class is said, as by argmax.
    step = np.where(number < rival, np.searchsorted(shifts, lacks, "left"), np.searchsorted(shifts, lacks, "right"))
    size = (len(shifts) + 1, n_classes)

    def gone(of: NDArray[np.intp], among: NDArray[np.bool_]) -> Array:
        """How many rows of each class have gone over at each shift, (shifts, classes)."""
        counts = np.bincount(step[among] * n_classes + of[among], minlength=size[0] * n_classes).reshape(size)
        return counts.cumsum(axis=0)[:-1].astype(np.float64)

    every = np.ones(len(classes), bool)
    said = np.bincount(rival, minlength=n_classes) - gone(rival, every)
    hits = np.bincount(rival[rival == classes], minlength=n_classes) - gone(rival, rival == classes)
    said[:, number] = gone(rival, every).sum(axis=1)
    hits[:, number] = gone(classes, classes == number)[:, number]
    true = np.bincount(classes, minlength=n_classes)
    return (2 * hits / np.maximum(said + true, 1)).mean(axis=1)
