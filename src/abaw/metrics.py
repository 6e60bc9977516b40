"""The challenge measures: CCC of valence and arousal, macro F1 of expression (paper §4, eq. (2)).

All rows of a split are scored together, never video by video. Rows without a truth (null in the labels, NaN here) do
not count. Both measures raise ValueError where no row has a truth, where shapes differ, or where a prediction is not
finite: a missing prediction is a bug, not something to skip.
"""

import numpy as np
from numpy.typing import ArrayLike

from abaw.tasks import EXPRESSIONS, TASKS, TaskName


def ccc(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Concordance correlation coefficient, eq. (2): 2 cov(t, p) / (var t + var p + (mean t - mean p)^2), in [-1, 1].

    Both are of shape (n,); a NaN truth leaves its row out. Moments are those of the population (ddof 0), in float64. A
    constant truth or prediction has no covariance and scores 0.0, also where both are the same constant, for which
    eq. (2) is 0 / 0: a system that never moves shows no concordance.

    >>> round(ccc([0, 1, 2], [0, 1, 1]), 4)
    0.6667
    """
    t, p = _pairs(truth, prediction)
    # Moments about the first value: those of a constant are then exactly zero, not rounding noise.
    t_moved, p_moved = t - t[0], p - p[0]
    t_centred, p_centred = t_moved - t_moved.mean(), p_moved - p_moved.mean()
    covariance = np.mean(t_centred * p_centred)
    if covariance == 0:
        return 0.0
    spread = np.mean(t_centred**2) + np.mean(p_centred**2) + (t.mean() - p.mean()) ** 2
    return float(2 * covariance / spread)


def class_f1(truth: ArrayLike, prediction: ArrayLike, n_classes: int = len(EXPRESSIONS)) -> np.ndarray:
    """F1 of each class, shape (n_classes,), in [0, 1]; 0 for a class that neither truth nor prediction has.

    Both are class indices 0 .. n_classes - 1 of shape (n,), others are a ValueError; a NaN truth leaves its row out.
    """
    return _class_scores(*_pairs(truth, prediction), n_classes)[2]


def macro_f1(truth: ArrayLike, prediction: ArrayLike, n_classes: int = len(EXPRESSIONS)) -> float:
    """The plain mean of `class_f1` over all classes, in [0, 1] (paper §4).

    The divisor is always n_classes: a class that is absent counts 0, so that data without all classes cannot reach 1
    and scores on different splits keep one meaning.
    """
    return float(class_f1(truth, prediction, n_classes).mean())


def flag_f1(truth: ArrayLike, probability: ArrayLike) -> float:
    """F1 of what is there by truth, 1 or 0, and by a probability of a half or more, (n,) each, in [0, 1].

    0 where it is never there, by either; a NaN truth leaves its row out.
    """
    t, p = _pairs(truth, probability)
    return float(class_f1(t, p >= 0.5, 2)[1])


def score(task: TaskName, truth: ArrayLike, outputs: ArrayLike) -> dict[str, float]:
    """Every measure of `task`, among them `TASKS[task].challenge_measure`.

    Values: truth and outputs of shape (n, 2); gives ccc_valence, ccc_arousal and their mean, ccc_mean.
    Flags: truth and outputs, probabilities, of shape (n, flags); gives f1_macro, the mean of the F1 of each, and these.
    Classes: truth of class indices, shape (n,) or (n, 1), outputs of shape (n, 8), of which the largest, the first of
    equals, is the prediction; gives f1_macro, accuracy, precision_macro and recall_macro (plain means over the classes,
    0 for a class that is never predicted or never true), and f1_neutral ... f1_other.
    """
    truth, outputs = np.asarray(truth, np.float64), np.asarray(outputs, np.float64)
    names = TASKS[task].outputs
    if outputs.ndim != 2 or outputs.shape[1] != len(names):
        raise ValueError(f"the outputs of {task} have the shape (n, {len(names)}), not {outputs.shape}")
    kind = TASKS[task].kind
    if kind != "classes" and truth.shape != outputs.shape:
        raise ValueError(f"truth and outputs differ in shape: {truth.shape} and {outputs.shape}")
    if kind == "values":
        each = {f"ccc_{name}": ccc(truth[:, k], outputs[:, k]) for k, name in enumerate(names)}
        return each | {"ccc_mean": sum(each.values()) / len(each)}
    if kind == "flags":
        each = {f"f1_{name}": flag_f1(truth[:, k], outputs[:, k]) for k, name in enumerate(names)}
        return {"f1_macro": sum(each.values()) / len(each)} | each
    if not np.isfinite(outputs).all():
        raise ValueError("a prediction is not finite")
    t, p = _pairs(truth[:, 0] if truth.ndim == 2 else truth, outputs.argmax(axis=1))
    precision, recall, f1 = _class_scores(t, p, len(names))
    each = {f"f1_{name}": float(value) for name, value in zip(names, f1, strict=True)}
    means = {"f1_macro": f1, "accuracy": t == p, "precision_macro": precision, "recall_macro": recall}
    return {name: float(np.mean(values)) for name, values in means.items()} | each


def confusion(truth: ArrayLike, prediction: ArrayLike, n_classes: int = len(EXPRESSIONS)) -> np.ndarray:
    """How many rows of each true class (row) were taken for each class (column), shape (n_classes, n_classes)."""
    return _confusion(*_pairs(truth, prediction), n_classes)


def _class_scores(t: np.ndarray, p: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of each class, (n_classes,) each."""
    pairs = _confusion(t, p, n_classes)
    hits, true, said = pairs.diagonal(), pairs.sum(axis=1), pairs.sum(axis=0)
    return _share(hits, said), _share(hits, true), _share(2 * hits, said + true)


def _confusion(t: np.ndarray, p: np.ndarray, n_classes: int) -> np.ndarray:
    if any(((values % 1 != 0) | (values < 0) | (values >= n_classes)).any() for values in (t, p)):
        raise ValueError(f"classes must be the integers 0 to {n_classes - 1}")
    numbers = t.astype(int) * n_classes + p.astype(int)
    return np.bincount(numbers, minlength=n_classes**2).reshape(n_classes, n_classes)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """A part of a whole in each class, 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _pairs(truth: ArrayLike, prediction: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    t, p = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    if t.ndim != 1 or t.shape != p.shape:
        raise ValueError(f"truth and prediction must be of one shape (n,), not {t.shape} and {p.shape}")
    if np.isinf(t).any() or not np.isfinite(p).all():
        raise ValueError("a truth is infinite or a prediction is not finite")
    counts = ~np.isnan(t)
    if not counts.any():
        raise ValueError("no row has a truth")
    return t[counts], p[counts]
