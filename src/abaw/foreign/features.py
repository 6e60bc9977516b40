"""Features of other programs at the analysed frames, in the form of our own embeddings.

What stands at a frame is the value there, or what lies between its neighbours on either side. What cannot be right
stops here in a sentence: a network that learns from features that are shifted, or of another frame rate, only looks
weak.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from abaw.foreign.feature_files import Features, read_features
from abaw.foreign.predictions import LEEWAY_S, Asked
from abaw.running.errors import UserError
from abaw.tables.arrays import features_rows
from abaw.tables.schemas import SCHEMAS
from abaw.timeline.interpolation import interpolate

Array = NDArray[np.float64]
REACH_S = 0.5
"""How far from a frame a value may stand and be taken for it; a frame without one counts as one without a face."""


def features_table(
    files: Mapping[str, Sequence[Path]],
    frames: Iterable[tuple[str, pa.Table]],
    asked: Mapping[str, Asked],
    max_gap_s: float,
) -> pa.Table:
    """The table `features` of some samples at their analysed frames.

    `files` are the file of each sample and, where it has one, its list of frames; `frames` the samples with their rows
    of `faces`, in the order of the table. Raises `UserError`, naming the file, where features cannot be right, are not
    as wide as those of the sample before, or leave more than `max_gap_s` of a sample's rows without any.
    """
    found, first = [SCHEMAS["features"].empty_table()], None
    for sample, rows in frames:
        path, *frame_list = files[sample]
        features = read_features(path, *frame_list)
        first = first or (path, features.values.shape[1])
        if features.values.shape[1] != first[1]:
            raise UserError(
                f"{path} has {features.values.shape[1]} features a row, expected {first[1]}, as {first[0]} has"
            )
        order, times_s = _times_of(path, features, asked[sample])
        _refuse_gaps(path, times_s, asked[sample], max_gap_s)
        values, known = at_frames(times_s, features.values[order], rows["time_s"].to_numpy())
        found.append(features_rows(rows, values, known))
    return pa.concat_tables(found)


def at_frames(
    times_s: Array, values: NDArray[np.float32], at_s: Array
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The values (m, width) of rising `times_s` (m,) at `at_s` (n,), and which frames have one within `REACH_S`.

    Between neighbours that are further apart than twice that the nearer one stands as it is.
    """
    right = np.searchsorted(times_s, at_s).clip(1, max(len(times_s) - 1, 1))
    before, after = np.minimum(right - 1, len(times_s) - 1), np.minimum(right, len(times_s) - 1)
    nearer = np.where(at_s - times_s[before] <= times_s[after] - at_s, before, after)
    known = np.abs(times_s[nearer] - at_s) <= REACH_S
    found = values[nearer]
    between = (times_s[after] - times_s[before] <= 2 * REACH_S) & (at_s > times_s[before]) & (at_s < times_s[after])
    if between.any():
        found[between] = interpolate(times_s, values, at_s[between])
    return found, known


def _times_of(path: Path, features: Features, asked: Asked) -> tuple[NDArray[np.int64], Array]:
    """The order of the rows in time, and when each of them is, in seconds, in that order."""
    sample, fps, at = asked.rows.sample, float(asked.rows.fps), features.at
    if features.by_frame:
        wrong = (at < 1) | (at > asked.n_frames) | (at % 1 != 0)
        expected = f"whole numbers from 1 to {asked.n_frames}, at {fps:g} frames a second; of another rate give time_s"
    else:
        wrong = (at < -LEEWAY_S) | (at > asked.end_s + LEEWAY_S)
        expected = f"seconds from 0 to {asked.end_s:g}, its end"
    kind = "frame" if features.by_frame else "second"
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(f"{path}, row {row + 1}, is for {kind} {at[row]:g} of the sample {sample}, expected {expected}")
    order = np.argsort(at, kind="stable")
    twice = np.flatnonzero(np.diff(at[order]) == 0)
    if len(twice):
        row = int(order[twice[0] + 1])
        raise UserError(
            f"{path}, row {row + 1}, is for {kind} {at[row]:g} of the sample {sample}, as is a row before; expected "
            "each once"
        )
    if not features.by_frame:
        return order, at[order]
    times_s = asked.rows._replace(n_rows=max(asked.n_frames, asked.rows.n_rows)).times_s()
    return order, times_s[at[order].astype(np.int64) - 1]


def _refuse_gaps(path: Path, times_s: Array, asked: Asked, max_gap_s: float) -> None:
    rows_s = asked.rows.times_s()
    edges = np.concatenate([rows_s[:1], times_s.clip(rows_s[0], rows_s[-1]), rows_s[-1:]])
    widest = int(np.diff(edges).argmax())
    if edges[widest + 1] - edges[widest] > max_gap_s + 1e-9:
        raise UserError(
            f"{path} has nothing between the seconds {edges[widest]:.2f} and {edges[widest + 1]:.2f} of the sample "
            f"{asked.rows.sample}, which goes from 0 to {rows_s[-1]:.2f} s at {float(asked.rows.fps):g} frames a "
            f"second; expected no gap above max_gap_s = {max_gap_s:g}. A file that is short, shifted or of another "
            "frame rate looks like that; where it is right, as where no face is seen, set embeddings.NAME.max_gap_s "
            "higher"
        )
