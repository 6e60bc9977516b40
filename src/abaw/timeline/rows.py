"""The rows that labels or template ask for, and when each of them begins."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Rows(NamedTuple):
    """The rows that labels or template ask for: 1 .. n_rows of `sample`, at `fps` rows a second.

    `frame_times_s` are the times of the video's frames where its frame rate is variable, else None.
    """

    sample: str
    n_rows: int
    fps: Fraction
    frame_times_s: tuple[float, ...] | None = None

    def edges_s(self) -> NDArray[np.float64]:
        """When each row begins, and when the last one ends: (n_rows + 1,), in seconds."""
        return row_times(self.n_rows + 1, self.fps, self.frame_times_s)

    def times_s(self) -> NDArray[np.float64]:
        """When each row begins, in seconds: (n_rows,)."""
        return self.edges_s()[:-1]


def row_times(n_rows: int, fps: Fraction, frame_times_s: tuple[float, ...] | None = None) -> NDArray[np.float64]:
    """When each of the first `n_rows` frames begins, in seconds, shape (n_rows,): (k - 1) / fps, rounded once.

    Where `frame_times_s` are given, frame k begins at the k-th of them; frames beyond the last follow at `fps`.
    """
    steady = np.arange(n_rows, dtype=np.float64) * fps.denominator / fps.numerator
    if frame_times_s is None:
        return steady
    known = np.array(frame_times_s[:n_rows])
    return np.concatenate([known, known[-1] + steady[1 : n_rows - len(known) + 1]])


def rows_of(tracks: pa.Table) -> list[Rows]:
    """The rows asked for of each sample, in the order of the tracks."""
    columns = [tracks[name].to_pylist() for name in ("sample", "n_rows", "fps_num", "fps_den", "frame_times_s")]
    return [
        Rows(sample, n_rows, Fraction(num, den), None if times_s is None else tuple(times_s))
        for sample, n_rows, num, den, times_s in zip(*columns, strict=True)
    ]
