"""Filters over time: Hamming (paper §3.2.3), box, Gaussian and median, of any length.

Peers smooth longer than the paper: boxes of 3.4 s (HSEmotion, 6th ABAW), medians of 101 frames (the best of the 10th
ABAW's expressions). All are of the odd number of taps nearest to their length.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from scipy.ndimage import convolve1d, median_filter

from abaw.config.fusion import FilterName


class Smoothing(NamedTuple):
    """A filter and its length in seconds; of 0 s it leaves everything as it is."""

    kind: FilterName
    width_s: float


def taps(fps: Fraction, window_s: float) -> int:
    """The odd number nearest to fps * window_s, the larger of two, at least 1.

    >>> taps(Fraction(30000, 1001), 0.5), taps(Fraction(24), 0.5), taps(Fraction(30), 0)
    (15, 13, 1)
    """
    # The decimal that the user wrote, not the binary fraction beside it: 0.3 s at 20 Hz are 6 rows, not 5.99.
    return 2 * int(fps * Fraction(str(window_s)) / 2) + 1


def weights_of(kind: FilterName, n_taps: int) -> np.ndarray:
    """The symmetric window of a filter that weights, (n_taps,); a Gaussian's ends lie at two standard deviations.

    The Hamming window is bit for bit that of scipy.signal, whose import takes a second.

    >>> weights_of("hamming", 3).round(2).tolist()
    [0.08, 1.0, 0.08]
    """
    if kind == "box" or n_taps == 1:
        return np.ones(n_taps)
    if kind == "gaussian":
        return np.exp(-0.5 * np.linspace(-2, 2, n_taps) ** 2)
    return 0.54 + (1 - 0.54) * np.cos(np.linspace(-np.pi, np.pi, n_taps))


def smooth(values: np.ndarray, fps: Fraction, window_s: float, kind: FilterName = "hamming") -> np.ndarray:
    """Smooth each column of `values` (n, k) with a filter of `window_s`; one tap leaves them as they are.

    Each result of a filter that weights is a convex combination of its neighbours: where the window reaches over an
    edge, the weights that remain are scaled to sum to one, so that constants stay constant and bounds are kept. A
    median's neighbours are mirrored at the edges, with the same effect.
    """
    n_taps = taps(fps, window_s)
    values = np.asarray(values, np.float64)
    if kind == "median":
        # Column by column: of one dimension scipy keeps the window sorted while it moves.
        return np.column_stack([median_filter(column, n_taps, mode="reflect") for column in values.T])
    weights = weights_of(kind, n_taps)
    total = convolve1d(values, weights, axis=0, mode="constant")
    return total / convolve1d(np.ones((len(values), 1)), weights, axis=0, mode="constant")
