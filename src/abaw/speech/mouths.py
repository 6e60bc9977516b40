"""Mouths at the gate's own rate, on crops whose boxes are read off between the analysed frames (paper §3.2.1).

Speech moves the lips several times a second, faces move slowly: what `faces` found at the analysis rate says where a
face is in the frames between, and only the mesh of the mouth is laid on these.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abaw.faces.crop import crop_region
from abaw.faces.mouth import Mouth, MouthMeter
from abaw.faces.tracking import overlaps
from abaw.media.video import EVERY_FRAME_HZ, sample_frames
from abaw.running.errors import BrokenVideoError

BOX = ("x0_px", "y0_px", "x1_px", "y1_px")

MouthRow = dict[str, Any]
"""A row of the table `mouths`; mouth_opening and mouth_area are None where there is no mesh."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Where one subject's face is: boxes (n, 4) in pixels at rising times (n,) in seconds, NaN where there is none."""

    times_s: NDArray[np.float64]
    boxes_px: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> "Boxes":
        """Out of rows of the table `faces` of one sample."""
        values = [[row[name] for name in ("time_s", *BOX)] for row in rows]
        found = np.array(values, dtype=np.float64).reshape(-1, 1 + len(BOX))
        return cls(found[:, 0], found[:, 1:])

    def at(self, time_s: float) -> NDArray[np.float64] | None:
        """The box (4,) at a time, between two that overlap in proportion, else that of the nearer analysed frame.

        None where that frame has no face, and beyond the last analysed frame by more than the interval before it.
        """
        after = int(np.searchsorted(self.times_s, time_s, side="left"))
        if after == 0 or after == len(self.times_s):
            end = min(after, len(self.times_s) - 1)
            return self._known(end) if len(self.times_s) and self._near(end, time_s) else None
        begin, end = self.times_s[after - 1], self.times_s[after]
        share = (time_s - begin) / (end - begin)
        pair = self.boxes_px[after - 1 : after + 1]
        if not np.isnan(pair).any() and overlaps(pair[:1], pair[1:])[0, 0] > 0:
            return (1 - share) * pair[0] + share * pair[1]
        return self._known(after if share > 0.5 else after - 1)

    def _known(self, row: int) -> NDArray[np.float64] | None:
        return None if np.isnan(self.boxes_px[row]).any() else self.boxes_px[row]

    def _near(self, row: int, time_s: float) -> bool:
        interval = np.diff(self.times_s).max() if len(self.times_s) > 1 else 0.0
        return bool(abs(time_s - self.times_s[row]) <= interval)


def measure_mouths(
    path: str | PathLike[str],
    subjects: Mapping[str, Boxes],
    rate_hz: float | None,
    margin_px: int,
    threads: int = 1,
    on_break: list[str] | None = None,
) -> Iterator[Sequence[MouthRow]]:
    """Yield for each frame nearest to the times j / `rate_hz`, or for every frame, one row of `mouths` a subject.

    Of a video that breaks the rows before the break come first; then its sentence goes into `on_break`, or, where that
    is None, `BrokenVideoError` is raised. Memory does not grow with the video.
    """
    meter = MouthMeter()
    try:
        for frame in sample_frames(path, rate_hz or EVERY_FRAME_HZ, threads):
            yield [
                _row(sample, frame.number, frame.time_s, frame.bgr, boxes.at(frame.time_s), margin_px, meter)
                for sample, boxes in subjects.items()
            ]
    except BrokenVideoError as error:
        if on_break is None:
            raise
        on_break.append(str(error))


def _row(
    sample: str,
    number: int,
    time_s: float,
    bgr: NDArray[np.uint8],
    box: NDArray[np.float64] | None,
    margin_px: int,
    meter: MouthMeter,
) -> MouthRow:
    if box is None:
        return mouth_row(sample, number, time_s, None)
    height, width = bgr.shape[:2]
    x0, y0, x1, y1 = crop_region(box, margin_px, width, height)
    if x1 <= x0 or y1 <= y0:
        return mouth_row(sample, number, time_s, None)
    return mouth_row(sample, number, time_s, meter.measure(np.ascontiguousarray(bgr[y0:y1, x0:x1, ::-1])))


def mouth_row(sample: str, number: int, time_s: float, mouth: Mouth | None) -> MouthRow:
    """A row of the table `mouths`."""
    opening, area = (None, None) if mouth is None else (mouth.opening, mouth.area)
    return {"sample": sample, "frame": number, "time_s": time_s, "mouth_opening": opening, "mouth_area": area}
