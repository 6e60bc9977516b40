"""Which faces of successive frames are the same person's: tracks, by overlap and distance (paper §3.2.2)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from abaw.faces.detection import Detection

MAX_JUMP = 1.5
"""How far a face moves from where its track saw it last at most, in sides of the smaller of the two boxes."""
MAX_GROWTH = 2.0
"""How much larger or smaller, by the side of its box, it is at most."""
MAX_GAP_S = 1.0
"""How long a track without a face waits for one; afterwards a face at its place begins a new track."""
_FORBIDDEN = 1e6


class Tracker:
    """Gives each face the number of its track, frame by frame, without looking ahead.

    Faces and tracks are paired by linear assignment, whose cost is the distance of the centres, in sides of the smaller
    box, plus what the two boxes' intersection over union lacks to 1. No pair is farther apart than `MAX_JUMP` or
    differs in size by more than `MAX_GROWTH`. A track bridges gaps up to `MAX_GAP_S`; a cut ends all tracks.

    Where a face comes back beside another, as after two people have crossed, either may be either. A `careful` tracker
    then ends both tracks and begins new ones.
    """

    def __init__(self, careful: bool = False) -> None:
        self._live: dict[int, tuple[float, Detection]] = {}
        self._count = 0
        self._careful = careful
        self._before_s = 0.0

    def update(self, time_s: float, detections: Sequence[Detection], cut: bool = False) -> list[int]:
        """The track of each face of a frame, as numbers from 0; times must increase. `cut`: the frame begins a shot."""
        if cut:
            self._live.clear()
        self._live = {track: seen for track, seen in self._live.items() if time_s - seen[0] <= MAX_GAP_S + 1e-9}
        tracks = list(self._live)
        last = [face for _, face in self._live.values()]
        pairs = paired(last, detections)
        if self._careful and pairs:
            back = [place for place, (seen_s, _) in enumerate(self._live.values()) if seen_s < self._before_s]
            doubtful = _doubtful(pairs, back, ~_apart(last, detections)[0])
            pairs = {now: place for now, place in pairs.items() if place not in doubtful}
            for place in doubtful:
                del self._live[tracks[place]]
        self._before_s = time_s
        found = {now: tracks[place] for now, place in pairs.items()}
        for index, detection in enumerate(detections):
            if index not in found:
                found[index] = self._count
                self._count += 1
            self._live[found[index]] = time_s, detection
        return [found[index] for index in range(len(detections))]

    def resize(self, factor: float) -> None:
        """Go on in pictures of the same scene that are so many times as large, as after a change in mid-stream."""
        self._live = {
            track: (time_s, replace(face, box=face.box * factor, points=face.points * factor))
            for track, (time_s, face) in self._live.items()
        }


def paired(last: Sequence[Detection], now: Sequence[Detection]) -> dict[int, int]:
    """Which of the faces seen last (by index) each of those seen now is, of those that are one; see `Tracker`."""
    if not last or not now:
        return {}
    apart, jumps = _apart(last, now)
    if apart.size == 1:
        return {} if apart[0, 0] else {0: 0}
    from scipy.optimize import linear_sum_assignment  # half a second to import, for videos of several people

    lacking = 1 - overlaps(np.stack([face.box for face in last]), np.stack([face.box for face in now]))
    rows, columns = linear_sum_assignment(np.where(apart, _FORBIDDEN, jumps + lacking))
    return {int(column): int(row) for row, column in zip(rows, columns, strict=True) if not apart[row, column]}


def _apart(last: Sequence[Detection], now: Sequence[Detection]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which faces cannot be one, (n, m), and how far they have moved, in sides of the smaller box."""
    sides, own = (np.array([face.side_px for face in faces]) for faces in (last, now))
    centres = [np.stack([face.centre for face in faces]) for faces in (last, now)]
    jumps = np.linalg.norm(centres[0][:, None] - centres[1], axis=2) / np.minimum(sides[:, None], own)
    growth = np.abs(np.log(own / sides[:, None]))
    return (jumps > MAX_JUMP) | (growth > np.log(MAX_GROWTH)), jumps


def _doubtful(pairs: dict[int, int], back: Sequence[int], near: NDArray[np.bool_]) -> set[int]:
    """The tracks whose faces might be exchanged: one that is `back` after a gap, and one beside it."""
    return {
        place
        for now, place in pairs.items()
        for other, beside in pairs.items()
        if place != beside and (place in back or beside in back) and near[place, other] and near[beside, now]
    }


def overlaps(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union, (n, m) in [0, 1], of boxes (n, 4) and others (m, 4): x0, y0, x1, y1, none empty."""
    corner = np.maximum(boxes[:, None, :2], others[:, :2])
    shared = np.clip(np.minimum(boxes[:, None, 2:], others[:, 2:]) - corner, 0, None).prod(axis=2)
    areas, other_areas = ((each[:, 2:] - each[:, :2]).prod(axis=1) for each in (boxes, others))
    return shared / (areas[:, None] + other_areas - shared)
