"""Predictions of other programs, held against the tracks that they are for, as the table that our own models write.

Either each row is for a stretch of time (`start_s`, `end_s`, which are equal for an instant), or for a frame of the
video (`frame`, from 1). What cannot be right stops here, in a sentence, because nothing behind this stage could tell it
from a weak model: predictions of another video, of another frame rate, of half a video.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from abaw.foreign.reading import read_foreign, where
from abaw.running.errors import UserError
from abaw.tables.arrays import logits_of, matrix, rows_by_sample
from abaw.tables.schemas import VOICED
from abaw.tasks import TASKS, TaskName
from abaw.timeline.rows import Rows, rows_of

Array = NDArray[np.float64]
SPAN, FRAME = ("start_s", "end_s"), ("frame",)
LEEWAY_S = 0.1
"""By which times may reach over the ends of a video: containers and programs round differently."""
SUM_WITHIN = 0.02
"""By which eight probabilities may miss 1: they may be written with two decimals."""


class Asked(NamedTuple):
    """What is asked of a sample: its `rows`, and how many frames and seconds of video there are at least."""

    rows: Rows
    n_frames: int
    end_s: float


def asked_of(tracks: pa.Table) -> dict[str, Asked]:
    """What is asked of each sample of a split, out of its table `tracks`."""
    lengths = zip(tracks["n_frames"].to_pylist(), tracks["duration_s"].to_pylist(), strict=True)
    return {
        rows.sample: Asked(rows, max(rows.n_rows, n_frames), max(float(rows.edges_s()[-1]), duration_s))
        for rows, (n_frames, duration_s) in zip(rows_of(tracks), lengths, strict=True)
    }


def foreign_predictions(
    task: TaskName, path: Path, asked: Mapping[str, Asked], skipped: Collection[str], max_gap_s: float
) -> pa.Table:
    """The table `predictions` of `task` out of a file, by sample and time, with logits where it holds probabilities.

    Rows of `skipped` samples, whose videos cannot be read, are left out. Raises `UserError`, naming file and row, where
    a sample is unknown or missing, a row doubled, out of the video or out of range, or where more than `max_gap_s` of a
    sample's rows have no prediction.
    """
    table = read_foreign(path, (SPAN, FRAME), TASKS[task].outputs, optional=(VOICED,))
    _refuse_unknown(path, table, {*asked, *skipped})
    values = _in_units(task, path, matrix(table, TASKS[task].outputs))
    start_s, end_s = np.empty(len(table)), np.empty(len(table))
    places = rows_by_sample(table["sample"])
    for sample, wanted in asked.items():
        if sample not in places:
            raise UserError(
                f"{path} has no prediction for the sample {sample}, expected some of each of the {len(asked)} samples"
            )
        own = places[sample]
        if "frame" in table.column_names:
            start_s[own] = end_s[own] = _frame_times(path, own, table["frame"].to_numpy()[own], wanted)
        else:
            start_s[own], end_s[own] = matrix(table, SPAN)[own].T
            _check_spans(path, own, start_s[own], end_s[own], values[own], wanted)
        _refuse_gaps(path, start_s[own], end_s[own], wanted, max_gap_s)
    kept = np.concatenate([places[sample] for sample in asked])
    outputs = dict(zip(TASKS[task].outputs, values[kept].astype(np.float32).T, strict=True))
    found = pa.table({"sample": table["sample"].take(kept), "start_s": start_s[kept], "end_s": end_s[kept], **outputs})
    return found.sort_by([("sample", "ascending"), ("start_s", "ascending"), ("end_s", "ascending")])


def _refuse_unknown(path: Path, table: pa.Table, known: set[str]) -> None:
    inside = pc.is_in(table["sample"], pa.array(sorted(known), pa.string()))
    row = pc.index(inside, False).as_py()
    if row >= 0:
        raise UserError(
            f"{where(path, row)} is for the sample {table['sample'][row]}, which this split does not have; expected "
            f"the annotations' names, such as {min(known)}, with any _left or _right and without a suffix"
        )


def _in_units(task: TaskName, path: Path, values: Array) -> Array:
    """Values in [-1, 1], flags in [0, 1], or logits: the logarithms of what is recognised as probabilities."""
    if TASKS[task].kind != "classes":
        lowest = TASKS[task].lowest
        wrong = (values.min(axis=1) < lowest) | (values.max(axis=1) > 1)
        names = " and ".join(TASKS[task].outputs) if len(TASKS[task].outputs) == 2 else "values"
        _refuse(path, wrong, values, f"{names} in [{lowest:g}, 1]")
        return values
    if values.min() < 0 or values.max() > 1:
        return values
    _refuse(
        path,
        np.abs(values.sum(axis=1) - 1) > SUM_WITHIN,
        values,
        "probabilities that sum to 1, since all values of the file lie between 0 and 1, or logits",
    )
    return logits_of(values)


def _refuse(path: Path, wrong: NDArray[np.bool_], values: Array, expected: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        said = ", ".join(f"{value:g}" for value in values[row])
        raise UserError(f"{where(path, row)} has the outputs {said}; expected {expected}")


def _frame_times(path: Path, own: NDArray[np.int64], frames: Array, asked: Asked) -> Array:
    """When each of the frames (n,) of a sample begins, in seconds."""
    sample, fps = asked.rows.sample, float(asked.rows.fps)
    outside = np.flatnonzero((frames < 1) | (frames > asked.n_frames) | (frames % 1 != 0))
    if len(outside):
        frame = frames[outside[0]]
        raise UserError(
            f"{where(path, int(own[outside[0]]))} is for frame {frame:g} of the sample {sample}, expected whole "
            f"numbers from 1 to {asked.n_frames}, at {fps:g} frames a second; of another rate give start_s and end_s"
        )
    order = np.argsort(frames, kind="stable")
    twice = np.flatnonzero(np.diff(frames[order]) == 0)
    if len(twice):
        row = int(own[order[twice[0] + 1]])
        raise UserError(
            f"{where(path, row)} is for frame {frames[order[twice[0]]]:g} of the sample {sample}, as is a row before; "
            "expected each frame once"
        )
    times_s = asked.rows._replace(n_rows=max(asked.n_frames, asked.rows.n_rows)).times_s()
    found: Array = times_s[frames.astype(np.int64) - 1]
    return found


def _check_spans(path: Path, own: NDArray[np.int64], start_s: Array, end_s: Array, values: Array, asked: Asked) -> None:
    """Refuse spans (n,) that end before they begin, lie outside the video, or stand there twice."""
    for wrong, expected in (
        (end_s < start_s, "an end that is not before its start"),
        ((start_s < -LEEWAY_S) | (end_s > asked.end_s + LEEWAY_S), f"seconds from 0 to {asked.end_s:g}, its end"),
    ):
        if wrong.any():
            k = int(wrong.argmax())
            raise UserError(
                f"{where(path, int(own[k]))} is for the seconds {start_s[k]:g} to {end_s[k]:g} of the sample "
                f"{asked.rows.sample}, expected {expected}"
            )
    # Windows that overlap say several things of one span, which are averaged; the same thing twice is a mistake.
    rows = np.column_stack([start_s, end_s, values])
    order = np.lexsort(rows.T[::-1])
    doubled = np.flatnonzero((np.diff(rows[order], axis=0) == 0).all(axis=1))
    if len(doubled):
        k = int(order[doubled[0] + 1])
        raise UserError(
            f"{where(path, int(own[k]))} is for the seconds {start_s[k]:g} to {end_s[k]:g} of the sample "
            f"{asked.rows.sample}, as is another row with the same outputs; expected each once"
        )


def _refuse_gaps(path: Path, start_s: Array, end_s: Array, asked: Asked, max_gap_s: float) -> None:
    """Refuse spans (n,) that leave more than `max_gap_s` of a sample's rows without a prediction."""
    order = np.argsort(start_s, kind="stable")
    times_s = asked.rows.times_s()
    reached = np.maximum.accumulate(np.concatenate([times_s[:1], end_s[order]]))
    begins = np.concatenate([start_s[order], times_s[-1:]])
    gaps_s = begins - reached
    widest = int(gaps_s.argmax())
    if gaps_s[widest] > max_gap_s + 1e-9:
        raise UserError(
            f"{path} says nothing of the seconds {reached[widest]:.2f} to {begins[widest]:.2f} of the sample "
            f"{asked.rows.sample}, whose rows go from 0 to {times_s[-1]:.2f} s at {float(asked.rows.fps):g} rows a "
            f"second; expected no gap above max_gap_s = {max_gap_s:g}. A file that is short, shifted or of another "
            "frame rate looks like that; where it is right, set models.NAME.max_gap_s higher"
        )
