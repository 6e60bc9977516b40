"""Windows of speech and the labels on them (paper §3.2.1)."""

import math

import numpy as np
from numpy.typing import NDArray

from abaw.tables.arrays import labels_at, majority
from abaw.tasks import TASKS, TaskName

LABEL_RATE_HZ = 5
"""Labels are read five times a second: 20 values on a window of 4 s."""


def windows_over(duration_s: float, window_s: float, step_s: int) -> list[float]:
    """Starts of windows that together cover a whole recording; the last one ends with it, where it is that long."""
    starts = [
        float(number * step_s) for number in range(1 + max(0, math.floor((duration_s - window_s) / step_s + 1e-9)))
    ]
    if starts[-1] + window_s < duration_s - 1e-9:
        starts.append(duration_s - window_s)
    return starts


def windows_in_run(start_s: float, end_s: float, window_s: int, step_s: int, duration_s: float) -> list[float]:
    """Starts of training windows in one voiced run: every `step_s`, then the last `window_s` of the run.

    A run shorter than a window has one window, with the run in its middle as far as the recording of `duration_s`
    allows: what is around the run fills it, as it fills the windows of a prediction.
    """
    if end_s - start_s <= window_s:
        return [float(np.clip((start_s + end_s - window_s) / 2, 0, max(0, duration_s - window_s)))]
    starts = list(np.arange(start_s, end_s - window_s + 1e-9, step_s))
    if starts[-1] + window_s < end_s - 1e-9:
        starts.append(end_s - window_s)
    return [float(start) for start in starts]


def label_times(start_s: float, window_s: int) -> NDArray[np.float64]:
    """The middles of the fifths of a second of a window, (5 * window_s,)."""
    return start_s + (np.arange(window_s * LABEL_RATE_HZ) + 0.5) / LABEL_RATE_HZ


def window_labels(
    task: TaskName,
    labels: NDArray[np.float64],
    edges_s: NDArray[np.float64],
    start_s: float,
    run: tuple[float, float],
    window_s: int,
) -> NDArray[np.float64]:
    """The labels of one window: (20, 2) values, (4,) classes or (4, flags), one a second; NaN where nothing is known.

    `labels` holds the sample's rows (n_rows, 2 or 1), `edges_s` when each begins and the last ends (n_rows + 1,). What
    lies before the voiced `run` (start_s, end_s), or at its end or after it, counts as unknown. A second's class is its
    most frequent label; of equally frequent ones, the lowest class number. A flag is there where it mostly is.
    """
    times = label_times(start_s, window_s)
    frames = np.searchsorted(edges_s, times, side="right")
    found = labels_at(labels, frames)
    found[(times < run[0]) | (times >= run[1])] = np.nan
    if TASKS[task].kind == "values":
        return found
    if TASKS[task].kind == "flags":
        return majority(found.reshape(window_s, LABEL_RATE_HZ, -1), axis=1)
    return np.array([_mode(second) for second in found.reshape(window_s, LABEL_RATE_HZ)])


def _mode(classes: NDArray[np.float64]) -> float:
    known = classes[~np.isnan(classes)].astype(int)
    return float(np.bincount(known).argmax()) if len(known) else float("nan")
