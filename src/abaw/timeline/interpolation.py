"""Values at points in time, averaged where they coincide, and read off between them (paper §3.2.3)."""

import numpy as np

SAME_TIME_S = 1e-6
"""Centres this close are one point in time."""


def overlap_mean(start_s: np.ndarray, end_s: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average the predictions that share a centre, as those of overlapping windows do.

    Takes intervals of shape (n,), in any order (start and end are equal for an instant), and values of shape (n, k).
    Gives the m distinct centres, increasing, of shape (m,), and the means, of shape (m, k).
    """
    centre_s = (np.asarray(start_s, np.float64) + np.asarray(end_s, np.float64)) / 2
    order = np.argsort(centre_s, kind="stable")
    centre_s = centre_s[order]
    first = np.flatnonzero(np.diff(centre_s, prepend=-np.inf) > SAME_TIME_S)
    sums = np.add.reduceat(np.asarray(values, np.float64)[order], first, axis=0)
    return centre_s[first], sums / np.diff(first, append=len(centre_s))[:, None]


def interpolate(times_s: np.ndarray, values: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """Linear interpolation of each column of `values` (m, k) from increasing `times_s` (m,) to `at_s` (n,): (n, k).

    The first and the last value hold outside. Raises ValueError where there is nothing to interpolate.
    """
    if not len(times_s):
        raise ValueError("there is no prediction to interpolate")
    return np.column_stack([np.interp(at_s, times_s, column) for column in np.asarray(values).T])
