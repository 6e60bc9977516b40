"""How sure a score is: intervals by drawing the videos of a split anew, with replacement (Efron, 1979).

Rows of one video resemble each other, so videos are drawn, not rows. Both challenge measures follow from sums that add
up over videos, moments or a confusion matrix: a draw costs a product with these, not a pass over the rows.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abaw.tasks import TASKS, TaskName

Array = NDArray[np.float64]
INTERVAL = 0.95


def intervals(
    task: TaskName, truth: Array, outputs: Array, videos: ArrayLike, resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """The central 95 % of each measure of `abaw.metrics.score` over `resamples` draws of as many videos as there are.

    `truth` is (n, 2) or (n, 1), NaN where unknown, `outputs` (n, 2 or 8), `videos` (n,) names or
    numbers. Videos without a truth take no
    part; with a single one both ends are the score itself.
    """
    known = ~np.isnan(truth).any(axis=1)
    names, of_row = np.unique(np.asarray(videos)[known], return_inverse=True)
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    drawn = drawn_measures(task, truth[known], outputs[known], of_row, draws.astype(np.float64))
    tail = (1 - INTERVAL) / 2
    ends = {name: np.quantile(values, [tail, 1 - tail]).tolist() for name, values in drawn.items()}
    return {name: (low, high) for name, (low, high) in ends.items()}


def drawn_measures(
    task: TaskName, truth: Array, outputs: Array, of_row: NDArray[np.intp], draws: Array
) -> dict[str, Array]:
    """Each measure of `abaw.metrics.score` on draws (n_draws, n_videos) of how often a video counts: (n_draws,).

    `of_row` (n,) is the video of each row, all of which have a truth.
    """
    measures = {"values": _values, "classes": _classes, "flags": _flags}[TASKS[task].kind]
    return measures(TASKS[task].outputs, truth, outputs, of_row, draws)


def _values(
    names: Sequence[str], truth: Array, outputs: Array, of_row: NDArray[np.intp], draws: Array
) -> dict[str, Array]:
    found, n_videos = {}, draws.shape[1]
    for k, name in enumerate(names):
        t, p = truth[:, k] - truth[0, k], outputs[:, k] - truth[0, k]
        # Sums by bincount and einsum, not by BLAS, whose rounding depends on the number of threads.
        sums = np.stack([np.bincount(of_row, part, n_videos) for part in (np.ones_like(t), t, p, t * t, p * p, t * p)])
        n, *moments = np.einsum("rv,sv->sr", draws, sums)
        mean_t, mean_p, tt, pp, tp = (moment / n for moment in moments)
        covariance = tp - mean_t * mean_p
        spread = tt - mean_t**2 + pp - mean_p**2 + (mean_t - mean_p) ** 2
        moves = (spread > 1e-12) & (pp - mean_p**2 > 1e-12)
        found[f"ccc_{name}"] = np.divide(2 * covariance, spread, out=np.zeros_like(spread), where=moves)
    return found | {"ccc_mean": np.mean(list(found.values()), axis=0)}


def _flags(
    names: Sequence[str], truth: Array, outputs: Array, of_row: NDArray[np.intp], draws: Array
) -> dict[str, Array]:
    found, n_videos = {}, draws.shape[1]
    for k, name in enumerate(names):
        true, said = truth[:, k] > 0.5, outputs[:, k] >= 0.5
        sums = np.stack([np.bincount(of_row, part, n_videos) for part in (2.0 * (true & said), 1.0 * true + said)])
        hits, both = np.einsum("rv,sv->sr", draws, sums)
        found[f"f1_{name}"] = hits / np.maximum(both, 1)
    return {"f1_macro": np.mean(list(found.values()), axis=0)} | found


def _classes(
    names: Sequence[str], truth: Array, outputs: Array, of_row: NDArray[np.intp], draws: Array
) -> dict[str, Array]:
    width, n_videos = len(names), draws.shape[1]
    cell = (of_row * width + truth[:, 0].astype(np.intp)) * width + outputs.argmax(axis=1)
    counts = np.bincount(cell, minlength=n_videos * width**2).reshape(n_videos, width**2)
    confusion = np.einsum("rv,vc->rc", draws, counts).reshape(-1, width, width)
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    true, said = confusion.sum(axis=2), confusion.sum(axis=1)
    f1 = 2 * hits / np.maximum(true + said, 1)
    means = {
        "f1_macro": f1.mean(axis=1),
        "accuracy": hits.sum(axis=1) / true.sum(axis=1),
        "precision_macro": (hits / np.maximum(said, 1)).mean(axis=1),
        "recall_macro": (hits / np.maximum(true, 1)).mean(axis=1),
    }
    return means | {f"f1_{name}": f1[:, k] for k, name in enumerate(names)}
