"""The table `people`: what is known of each subject at each frame that a player shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from abaw.predict.circumplex import on_circumplex
from abaw.tables.arrays import matrix
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import DIMENSIONS, TASKS, TaskName

BOX = ["x0_px", "y0_px", "x1_px", "y1_px", "score"]
SLACK_S = 1e-6


@dataclass(frozen=True)
class Shown:
    """The frames of a video that are asked for: their numbers (n,), from 1, their times (n,) in s, how far apart the
    analysed ones are, and when the first and the last of these are shown (s).
    """

    numbers: NDArray[np.int64]
    times_s: NDArray[np.float64]
    interval_s: float
    analysed_s: tuple[float, float]

    @classmethod
    def of(cls, times_s: NDArray[np.float64], span_s: tuple[float, float], rate_hz: float) -> Self:
        """Those in a span (from, to) of all frames', of which `abaw.media.video.sample_frames` takes the nearest to the
        times j / `rate_hz`.
        """
        end_s = times_s[-1] + np.diff(times_s[-2:]).sum() / 2
        asked_s = np.arange(int((end_s + SLACK_S) * rate_hz) + 1) / rate_hz
        analysed_s = times_s[np.searchsorted((times_s[1:] + times_s[:-1]) / 2, asked_s)]
        rows = np.flatnonzero((times_s >= span_s[0]) & (times_s < span_s[1]))
        inside_s = analysed_s[(analysed_s >= span_s[0]) & (analysed_s < span_s[1])]
        ends = (float(inside_s[0]), float(inside_s[-1])) if len(inside_s) else (0.0, 0.0)
        return cls(rows + 1, times_s[rows], 1 / rate_hz, ends)

    @property
    def reach_s(self) -> NDArray[np.float64]:
        """How far each frame may be from an analysed one that stands for it, (n,).

        It is half of their interval, and all of it before the first and after the last.
        """
        is_outside = (self.times_s < self.analysed_s[0]) | (self.times_s > self.analysed_s[1])
        return np.where(is_outside, self.interval_s, self.interval_s / 2) + SLACK_S


@dataclass(frozen=True)
class Sightings:
    """The analysed frames of one subject: number, time (s), whether there is a face, and its box and score (m, 5)."""

    numbers: NDArray[np.int64]
    times_s: NDArray[np.float64]
    has_face: NDArray[np.bool_]
    boxes: NDArray[np.float64]

    @classmethod
    def of(cls, faces: pa.Table) -> "Sightings":
        """Out of the rows of one sample of a table `faces`, in the order of their frames."""
        return cls(
            faces["frame"].to_numpy().astype(np.int64),
            faces["time_s"].to_numpy(),
            faces["has_face"].to_numpy(zero_copy_only=False).astype(bool),
            matrix(faces, BOX),
        )


@dataclass(frozen=True)
class Said:
    """What a system says of one subject at each frame asked for: outputs (n, 2 or 8), and the system's name."""

    outputs: NDArray[np.float64]
    system: str


def people_rows(
    video: str,
    subject: int,
    shown: Shown,
    seen: Sightings,
    said: Mapping[TaskName, Said],
    runs: Sequence[tuple[float, float]],
) -> pa.Table:
    """The rows of one subject. Values begin with their first and end with their last face; `age_s` tells of gaps.

    `runs` are when they speak (s); whether somebody speaks whose face is not seen is not known.
    """
    n = len(shown.numbers)
    has_face, boxes = _at_frames(shown, seen)
    age_s, known = _ages(shown, seen)
    columns: dict[str, pa.Array] = {
        "video": pa.array([video] * n, pa.string()),
        "subject": pa.array(np.full(n, subject), pa.int32()),
        "frame": pa.array(shown.numbers, pa.int32()),
        "time_s": pa.array(shown.times_s),
        "has_face": pa.array(has_face),
        "age_s": pa.array(age_s, mask=np.isnan(age_s)),
        "speaking": pa.array(_inside(runs, shown.times_s), mask=~has_face),
    }
    columns |= {name: _column(boxes[:, k], has_face) for k, name in enumerate(BOX)}
    if "va" in said:
        columns |= {name: _column(said["va"].outputs[:, k], known) for k, name in enumerate(DIMENSIONS)}
        columns["va_system"] = pa.array([said["va"].system] * n, pa.string())
    if "expr" in said:
        shares = said["expr"].outputs
        classes = TASKS["expr"].outputs
        columns |= {f"p_{name}": _column(shares[:, k], known) for k, name in enumerate(classes)}
        largest = shares.astype(np.float32).argmax(axis=1)
        columns["expression"] = pa.array(np.array(classes, object)[largest], pa.string(), mask=~known)
        columns["expr_system"] = pa.array([said["expr"].system] * n, pa.string())
        if "va" not in said:
            at = on_circumplex(shares)
            columns |= {f"{name}_proxy": _column(at[:, k], known) for k, name in enumerate(DIMENSIONS)}
    schema = SCHEMAS["people"]
    return pa.table([columns.get(field.name, pa.nulls(n, field.type)) for field in schema], schema=schema)


def _column(values: NDArray[np.float64], known: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values.astype(np.float32), mask=~known | np.isnan(values))


def _at_frames(shown: Shown, seen: Sightings) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether the analysed frame that stands for each frame, the nearest, has a face; boxes and scores (n, 5).

    Between two analysed frames with a face the box lies in between in proportion.
    """
    n, m = len(shown.times_s), len(seen.times_s)
    if not m:
        return np.zeros(n, bool), np.full((n, len(BOX)), np.nan)
    after = np.searchsorted(seen.times_s, shown.times_s - SLACK_S).clip(0, m - 1)
    before = (np.searchsorted(seen.times_s, shown.times_s + SLACK_S) - 1).clip(0, m - 1)
    to_before, to_after = np.abs(shown.times_s - seen.times_s[before]), np.abs(shown.times_s - seen.times_s[after])
    nearest = np.where(to_after < to_before, after, before)
    gap = seen.times_s[after] - seen.times_s[before]
    together = (gap > 0) & (gap <= 1.5 * shown.interval_s)  # at 29.97 Hz a bit over half an interval
    near = together | (np.minimum(to_before, to_after) <= shown.reach_s)
    has_face = seen.has_face[nearest] & near
    share = np.divide(to_before, gap, out=np.zeros(n), where=gap > 0)[:, None]
    between = (1 - share) * seen.boxes[before] + share * seen.boxes[after]
    joined = (gap <= 1.5 * shown.interval_s)[:, None] & ~np.isnan(between)
    return has_face, np.where(joined, between, seen.boxes[nearest])


def _ages(shown: Shown, seen: Sightings) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How old the last measured face is at each frame (s), NaN before the first; whether the frame lies among faces."""
    times_s = seen.times_s[seen.has_face]
    if not len(times_s):
        return np.full(len(shown.times_s), np.nan), np.zeros(len(shown.times_s), bool)
    last = np.searchsorted(times_s, shown.times_s + SLACK_S) - 1
    age_s = np.where(last >= 0, np.maximum(shown.times_s - times_s[last], 0), np.nan)
    age_s[np.isin(shown.numbers, seen.numbers[seen.has_face])] = 0.0
    reach_s = shown.reach_s
    return age_s, (shown.times_s >= times_s[0] - reach_s) & (shown.times_s <= times_s[-1] + reach_s)


def _inside(runs: Sequence[tuple[float, float]], times_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each time lies in a run; runs are sorted and do not overlap."""
    if not len(runs):
        return np.zeros(len(times_s), bool)
    starts, ends = np.array(runs).T
    last = np.searchsorted(starts, times_s, side="right") - 1
    return (last >= 0) & (times_s < ends[last])
