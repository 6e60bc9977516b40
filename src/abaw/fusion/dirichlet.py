"""Dirichlet weighted fusion: the best of many random weightings of the models' outputs (paper §2.3).

A weighting gives each model one weight per class, or per dimension; those of one class sum to one over the models. The
pool holds each single model, the plain mean and the draws; the one with the best challenge measure wins, the first of
equals. So the fused score is never below the best single model's on the data it was fitted on.

With `search="refine"` the best of the pool is the start of a steepest ascent: weight moves from one model to another,
for one output at a time, as long as the measure rises, in steps that halve down to 1/512.

Where the authors' code differs: it has no seed and neither single models nor the mean in its pool, and for expression
it zeroes audio rows whose entropy exceeds 1.8 nats, which the paper does not mention (an option, see
`abaw.fusion.weighting.weighted_inputs`). Like theirs, fused class scores are not renormalised over the classes.

Cost of a candidate: for CCC O(models^2), from means and covariances alone; for F1 one pass over the rows, a block of
rows at a time, so that memory does not grow with the number of candidates.
"""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from abaw.fusion.weighting import fuse
from abaw.tasks import TASKS, TaskName

BLOCK_ROWS, BLOCK_CANDIDATES = 2048, 8
LARGEST_STEP, SMALLEST_STEP = 1 / 4, 1 / 512


class DirichletWeightedFusion(BaseEstimator):
    """Weights per model and class (or dimension), chosen by the challenge measure out of a random pool.

    Parameters: `task`; `candidates`, the number of draws besides single models and mean; `concentration` of the
    Dirichlet distribution, the same for every model; `search`, sample or refine; `random_state`, the seed of the draws.

    After `fit`: `weights_` of shape (models, outputs), each column summing to one; `score_`, its challenge measure;
    `scores_`, those of the whole pool in the order of `weight_pool`.
    """

    def __init__(
        self,
        task: TaskName,
        candidates: int = 1000,
        concentration: float = 1.0,
        search: Literal["sample", "refine"] = "sample",
        random_state: int = 0,
    ) -> None:
        self.task = task
        self.candidates = candidates
        self.concentration = concentration
        self.search = search
        self.random_state = random_state

    def fit(self, outputs: Sequence[ArrayLike], truth: ArrayLike) -> "DirichletWeightedFusion":
        """Choose the weights on `outputs`, one array (n, outputs) per model, and `truth`, NaN where there is none.

        The truth is (n, outputs), or class indices (n,) or (n, 1). Raises ValueError where shapes or
        classes are wrong, an output is not finite, or no row has a truth.
        """
        stacked = self._stacked(outputs)
        pool = weight_pool(len(stacked), stacked.shape[2], self.candidates, self.concentration, seed=self.random_state)
        measure = {"values": ccc_means, "classes": macro_f1s, "flags": flag_f1s}[TASKS[self.task].kind]
        self.scores_ = measure(pool, stacked, truth)
        best = int(self.scores_.argmax())
        self.weights_, self.score_ = pool[best], float(self.scores_[best])
        if self.search == "refine":
            self.weights_, self.score_ = _ascend(
                self.weights_, self.score_, lambda weights: measure(weights, stacked, truth)
            )
        return self

    def predict(self, outputs: Sequence[ArrayLike]) -> np.ndarray:
        """The weighted sum of the models' `outputs`, shape (n, outputs), in the bounds that these keep."""
        stacked = self._stacked(outputs)
        if len(stacked) != len(self.weights_):
            raise ValueError(f"the weights are for {len(self.weights_)} models, not {len(stacked)}")
        return fuse(stacked, self.weights_)

    def _stacked(self, outputs: Sequence[ArrayLike]) -> np.ndarray:
        arrays = [np.asarray(one, np.float64) for one in outputs]
        shapes = [one.shape for one in arrays]
        n_outputs = len(TASKS[self.task].outputs)
        if not arrays or len(set(shapes)) > 1 or len(shapes[0]) != 2 or shapes[0][1] != n_outputs:
            raise ValueError(f"expected one array of shape (n, {n_outputs}) per model, all with one n, not {shapes}")
        stacked = np.stack(arrays)
        if not np.isfinite(stacked).all():
            raise ValueError("an output is not finite")
        return stacked


def weight_pool(n_models: int, n_outputs: int, candidates: int, concentration: float, seed: int) -> np.ndarray:
    """The weightings to try, shape (n_models + 1 + candidates, n_models, n_outputs): single models, mean, draws."""
    draws = np.random.default_rng(seed).dirichlet(np.full(n_models, concentration), size=(candidates, n_outputs))
    fixed = np.vstack([np.eye(n_models), np.full((1, n_models), 1 / n_models)])
    return np.concatenate([np.repeat(fixed[:, :, None], n_outputs, axis=2), draws.transpose(0, 2, 1)])


def _ascend(weights: np.ndarray, score: float, measure: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, float]:
    """Climb from `weights` (models, outputs) to a local optimum of `measure`, which takes a pool of such matrices."""
    step = LARGEST_STEP
    while step >= SMALLEST_STEP:
        pool = _neighbours(weights, step)
        scores = measure(pool) if len(pool) else np.empty(0)
        if len(pool) and scores.max() > score:
            best = int(scores.argmax())
            weights, score = pool[best], float(scores[best])
        else:
            step /= 2
    return weights, score


def _neighbours(weights: np.ndarray, step: float) -> np.ndarray:
    """Each matrix in which `step`, or what there is, moved from one model to another for one output."""
    found = []
    for giver, taker in permutations(range(len(weights)), 2):
        for output in np.flatnonzero(weights[giver] > 0):
            moved = weights.copy()
            given = min(step, weights[giver, output])
            moved[giver, output] -= given
            moved[taker, output] += given
            found.append(moved)
    return np.array(found).reshape(-1, *weights.shape)


def ccc_means(weights: np.ndarray, outputs: np.ndarray, truth: ArrayLike) -> np.ndarray:
    """The mean over the dimensions of the CCC of each weighting, shape (candidates,); see `abaw.metrics.ccc`.

    `weights` are (candidates, models, dimensions), `outputs` (models, n, dimensions), `truth` (n, dimensions).
    """
    truth = np.asarray(truth, np.float64)
    if truth.shape != outputs.shape[1:]:
        raise ValueError(f"the truth must have the shape {outputs.shape[1:]}, not {truth.shape}")
    each = [_cccs(weights[:, :, k], outputs[:, :, k], truth[:, k]) for k in range(truth.shape[1])]
    return np.mean(each, axis=0)


def macro_f1s(weights: np.ndarray, outputs: np.ndarray, truth: ArrayLike) -> np.ndarray:
    """The macro F1 of each weighting, shape (candidates,); see `abaw.metrics.macro_f1`.

    `weights` are (candidates, models, classes), `outputs` (models, n, classes), `truth` class indices (n,) or (n, 1).
    """
    _, n_rows, n_classes = outputs.shape
    truth = np.asarray(truth, np.float64)
    if truth.shape not in ((n_rows,), (n_rows, 1)):
        raise ValueError(f"the truth must have the shape ({n_rows},), not {truth.shape}")
    truth = truth.reshape(n_rows)
    counts = _with_truth(truth)
    classes = truth[counts].astype(np.intp)
    if not np.isin(truth[counts], np.arange(n_classes)).all():
        raise ValueError(f"classes must be the integers 0 to {n_classes - 1}")
    confusion = _confusion(weights, outputs[:, counts], classes)
    hits = 2 * np.diagonal(confusion, axis1=1, axis2=2)
    present = confusion.sum(axis=1) + confusion.sum(axis=2)
    return (hits / np.maximum(present, 1)).mean(axis=1)


def flag_f1s(weights: np.ndarray, outputs: np.ndarray, truth: ArrayLike) -> np.ndarray:
    """The mean over the flags of the F1 of each weighting, shape (candidates,); see `abaw.metrics.flag_f1`.

    `weights` are (candidates, models, flags), `outputs` (models, n, flags), `truth` (n, flags) of 0 and 1.
    """
    truth = np.asarray(truth, np.float64)
    if truth.shape != outputs.shape[1:]:
        raise ValueError(f"the truth must have the shape {outputs.shape[1:]}, not {truth.shape}")
    counts = ~np.isnan(truth).any(axis=1)
    if not counts.any():
        raise ValueError("no row has a truth")
    ours, true = outputs[:, counts], truth[counts] > 0.5
    hits, said = (np.zeros((len(weights), truth.shape[1])) for _ in range(2))
    for begin in range(0, len(true), BLOCK_ROWS):
        block = slice(begin, begin + BLOCK_ROWS)
        for number, one in enumerate(weights):
            there = fuse(ours[:, block], one) >= 0.5
            hits[number] += (there & true[block]).sum(axis=0)
            said[number] += there.sum(axis=0)
    return (2 * hits / np.maximum(said + true.sum(axis=0), 1)).mean(axis=1)


def _cccs(weights: np.ndarray, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """CCC of each row of `weights` (candidates, models) on `outputs` (models, n) and `truth` (n,), from moments."""
    counts = _with_truth(truth)
    series = np.vstack([outputs[:, counts], truth[counts]])
    # Moments about the first value: those of a constant are then exactly zero. Sums by einsum and mean, not by BLAS,
    # whose rounding depends on the number of threads.
    moved = series - series[:, :1]
    centred = moved - moved.mean(axis=1, keepdims=True)
    covariance = np.array([[np.mean(one * other) for other in centred] for one in centred])
    mean = series.mean(axis=1)
    with_truth = np.einsum("km,m->k", weights, covariance[:-1, -1])
    variance = np.einsum("km,mn,kn->k", weights, covariance[:-1, :-1], weights)
    distance = np.einsum("km,m->k", weights, mean[:-1]) - mean[-1]
    spread = variance + covariance[-1, -1] + distance**2
    return np.divide(2 * with_truth, spread, out=np.zeros(len(weights)), where=with_truth != 0)


def _confusion(weights: np.ndarray, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How often each true class meets each predicted one, shape (candidates, true, predicted)."""
    n_classes = outputs.shape[2]
    confusion = np.zeros((len(weights), n_classes**2), np.int64)
    for begin in range(0, len(truth), BLOCK_ROWS):
        block = slice(begin, begin + BLOCK_ROWS)
        # Classes before rows: each weight then meets one long run of numbers.
        ours, row = np.ascontiguousarray(outputs[:, block].transpose(0, 2, 1)), truth[block] * n_classes
        for first in range(0, len(weights), BLOCK_CANDIDATES):
            some = weights[first : first + BLOCK_CANDIDATES].transpose(1, 0, 2)[..., None]
            cell = _first_largest(fuse(ours[:, None], some)) + row
            cell += (np.arange(some.shape[1]) * n_classes**2)[:, None]
            counts = np.bincount(cell.ravel(), minlength=some.shape[1] * n_classes**2)
            confusion[first : first + BLOCK_CANDIDATES] += counts.reshape(-1, n_classes**2)
    return confusion.reshape(-1, n_classes, n_classes)


def _first_largest(scores: np.ndarray) -> np.ndarray:
    """`scores.argmax(axis=1)` of (candidates, classes, rows), by whole rows, which numpy's does not go by."""
    largest = scores.max(axis=1)
    found = np.full(largest.shape, scores.shape[1] - 1)
    for number in range(scores.shape[1] - 2, -1, -1):
        np.copyto(found, number, where=scores[:, number] == largest)
    return found


def _with_truth(truth: np.ndarray) -> np.ndarray:
    counts = ~np.isnan(truth)
    if not counts.any():
        raise ValueError("no row has a truth")
    return counts
