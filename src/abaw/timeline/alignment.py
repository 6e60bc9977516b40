"""From a model's predictions in time to one row per video frame (paper §3.2.3): mean, interpolation, smoothing.

Where the authors' code and this module differ:

- predictions are averaged where their centres are the same to the microsecond, not to two decimals of a second;
- they are interpolated straight to the frames' exact times, not over a 10 ms grid that is then matched by rounded
  times, which merges or drops rows at odd frame rates;
- frame k begins at (k - 1) / fps, not at k / fps, and at its own time where the frame rate is variable;
- an interval stands at its centre, and the seconds of a 4-s window at their centres, not spread from end to end;
- the Hamming window has the odd number of taps nearest to its length, not fps // 2, and its weights are renormalised
  at the edges, where the authors' zero padding pulls the first and last quarter second towards 0;
- rows of a variable rate are smoothed over the same seconds, however far apart they are;
- validation and test are smoothed alike, so that fusion weights are used on what they were fitted on.

Logits are smoothed and then made probabilities, as the authors do; the other order is an option.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy.special import softmax

from abaw.config.fusion import FilterName
from abaw.running.errors import UserError
from abaw.tables.arrays import frames_table, matrix, rows_by_sample
from abaw.tasks import TASKS, TaskName
from abaw.timeline.filters import smooth, taps, weights_of
from abaw.timeline.interpolation import interpolate, overlap_mean
from abaw.timeline.rows import Rows

MOST_TAPS_HZ = Fraction(60)
"""Taps a second of the window around rows of a variable rate; more tell nothing of predictions a few times a second."""


def frames_of(
    task: TaskName,
    predictions: pa.Table,
    rows: Sequence[Rows],
    smoothing_s: float,
    smoothed: Literal["logits", "probabilities"] = "logits",
    kind: FilterName = "hamming",
) -> pa.Table:
    """The frames table of `task`: exactly the `rows` asked for, sample by sample, out of any model's predictions.

    `predictions` are in the units of the task; samples that `rows` does not name are left out. Values are clipped to
    [-1, 1], probabilities of flags to [0, 1]; the logits of the expressions become probabilities, after smoothing, or,
    where probabilities are to be `smoothed`, before it, for each prediction. Raises `UserError`, naming the sample,
    where a sample has no prediction or one that is not a finite number, and where no row is asked for.
    """
    if not rows:
        raise UserError("there is no track to align predictions with; expected at least one")
    places = rows_by_sample(predictions["sample"])
    start_s, end_s = matrix(predictions, ["start_s", "end_s"]).T
    values = matrix(predictions, TASKS[task].outputs)
    classes = TASKS[task].kind == "classes"
    late = classes and smoothed == "logits"
    aligned = []
    for row in rows:
        sample = row.sample
        if sample not in places:
            raise UserError(
                f"there is no prediction for the sample {sample}; expected one at least, run its model again"
            )
        own = places[sample]
        if not np.isfinite(np.column_stack([start_s[own], end_s[own], values[own]])).all():
            raise UserError(f"a prediction for the sample {sample} is not a finite number; run its model again")
        said = softmax(values[own], axis=1) if classes and not late else values[own]
        times_s, means = overlap_mean(start_s[own], end_s[own], said)
        found = _smoothed_at(row, times_s, means, smoothing_s, kind)
        if classes and not late and kind == "median":
            found /= found.sum(axis=1, keepdims=True)  # the medians of probabilities sum to about one only
        aligned.append(softmax(found, axis=1) if late else found.clip(TASKS[task].lowest, 1))
    samples = np.repeat([row.sample for row in rows], [row.n_rows for row in rows])
    numbers = np.concatenate([np.arange(1, row.n_rows + 1) for row in rows])
    return frames_table(task, pa.table({"sample": samples, "frame": numbers}), np.concatenate(aligned))


def _smoothed_at(row: Rows, times_s: np.ndarray, values: np.ndarray, window_s: float, kind: FilterName) -> np.ndarray:
    """Interpolate to the rows and smooth, over the same seconds at any rate.

    Around a row of a variable rate the window's taps lie at a rate of their own, and what is smoothed is read off
    between the predictions: rows may follow each other by a hundredth of a second or by twenty.
    """
    at_s = row.times_s()
    if row.frame_times_s is None or not window_s:
        return smooth(interpolate(times_s, values, at_s), row.fps, window_s, kind)
    rate = _tap_rate(row)
    if kind == "median":
        steps = np.arange(at_s[0], at_s[-1] + 1 / float(rate), 1 / float(rate))
        return interpolate(steps, smooth(interpolate(times_s, values, steps), rate, window_s, kind), at_s)
    weights = weights_of(kind, taps(rate, window_s))
    offsets_s = (np.arange(len(weights)) - len(weights) // 2) / float(rate)
    total, weight_in_all = np.zeros((len(at_s), values.shape[1])), np.zeros((len(at_s), 1))
    for weight, offset_s in zip(weights, offsets_s, strict=True):
        near_s = at_s + offset_s
        inside = ((near_s > at_s[0] - 1e-9) & (near_s < at_s[-1] + 1e-9))[:, None]
        total += np.where(inside, weight * interpolate(times_s, values, near_s), 0)
        weight_in_all += np.where(inside, weight, 0)
    return total / weight_in_all


def _tap_rate(row: Rows) -> Fraction:
    """The rate at which most rows follow each other, at least the mean one, at most `MOST_TAPS_HZ` or that."""
    steps_s = np.diff(row.times_s())
    usual = Fraction(1 / float(np.median(steps_s))).limit_denominator(1001) if len(steps_s) else row.fps
    return max(row.fps, min(usual, MOST_TAPS_HZ))
