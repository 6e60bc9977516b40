"""Which face belongs to which subject, frame by frame (paper §3.2.2; AffWild2's `_left` and `_right` tracks)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from abaw.errors import UserError
from abaw.faces.detection import Detection

MAX_JUMP = 1.5
"""How far a face moves from one analysed frame to the next at most, in sides of its box."""
PATIENCE_S = 0.5
"""How long a subject without a face keeps their place; afterwards a face elsewhere may be theirs."""
_FORBIDDEN = 1e6


@dataclass(frozen=True)
class Subject:
    """A person that is followed through a video: the name of their sample, and their side where there are two."""

    sample: str
    side: Literal["left", "right"] | None


def places(subjects: Sequence[Subject]) -> list[int]:
    """Where each subject stands: 0 alone; 0 left and 1 right of two, one of whom may not be asked for or not named.

    Raises `UserError` where there are not one or two subjects, or both stand on one side.
    """
    sides = [subject.side for subject in subjects]
    if len(sides) == 1:
        return [int(sides[0] == "right")]
    if len(sides) != 2 or sides[0] == sides[1]:
        raise UserError(
            f"the subjects of a video are {[(subject.sample, subject.side) for subject in subjects]}; expected is one, "
            "or two on different sides: rename the annotations so that one ends in _left and the other in _right"
        )
    first_is_right = sides[0] == "right" or sides[1] == "left"
    return [int(first_is_right), int(not first_is_right)]


class Tracker:
    """Chooses the face of each of one or two people in each frame, without looking ahead.

    1. Whoever had a face keeps the face nearest to it (linear assignment where there are two), if its centre lies
       within `MAX_JUMP` sides of the last box.
    2. Who has no face by that, and has had none for more than `PATIENCE_S`, looks for another one: the most prominent
       (score times area) of those left. Of two people who both look, the left one takes the left of the two most
       prominent; a lone face goes to whom it was nearest last, or at first sight by the half of the frame that it is
       in. Where one of two looks, only faces on the proper side of the other count; but until both have been seen, the
       first frame with two faces says who is left.
    3. Else the person has no face in this frame: after a cut, for up to `PATIENCE_S`.
    """

    def __init__(self, people: int) -> None:
        self._last: list[Detection | None] = [None] * people
        self._seen_s = [-np.inf] * people

    def update(self, time_s: float, detections: Sequence[Detection], width_px: int) -> list[Detection | None]:
        """The face of each person, left to right, among the detections of one frame; times must increase."""
        faces = self._keep(detections)
        taken = {id(face) for face in faces if face is not None}
        free = sorted((d for d in detections if id(d) not in taken), key=lambda d: -d.prominence)
        if free:
            self._find(faces, free, time_s, width_px)
        for person, face in enumerate(faces):
            if face is not None:
                self._last[person], self._seen_s[person] = face, time_s
        return faces

    def _distance(self, person: int, detection: Detection) -> float:
        """From the person's last box, in sides of it; infinite where there is none."""
        last = self._last[person]
        return np.inf if last is None else float(np.linalg.norm(detection.centre - last.centre)) / last.side_px

    def _keep(self, detections: Sequence[Detection]) -> list[Detection | None]:
        faces: list[Detection | None] = [None] * len(self._last)
        distances = np.array([[self._distance(p, detection) for detection in detections] for p in range(len(faces))])
        for person, index in zip(
            *linear_sum_assignment(np.where(distances > MAX_JUMP, _FORBIDDEN, distances)), strict=True
        ):
            if distances[person, index] <= MAX_JUMP:
                faces[person] = detections[index]
        return faces

    def _find(self, faces: list[Detection | None], free: list[Detection], time_s: float, width_px: int) -> None:
        """Give new faces to those who look for one; `free` is ordered by prominence and not empty."""
        looking = [p for p, face in enumerate(faces) if face is None and time_s - self._seen_s[p] > PATIENCE_S]
        if len(looking) == 2:
            if len(free) == 1:
                faces[self._owner(free[0], width_px)] = free[0]
            else:
                faces[:] = _left_to_right(free[:2])
        elif len(looking) == 1 and len(faces) == 1:
            faces[0] = free[0]
        elif len(looking) == 1:
            self._join(looking[0], faces, free)

    def _join(self, person: int, faces: list[Detection | None], free: list[Detection]) -> None:
        """Give a new face to the one of two who looks for one."""
        other = faces[1 - person]
        if self._last[person] is None and other is not None:
            faces[:] = _left_to_right([other, free[0]])
            return
        border = self._last[1 - person]
        for face in free:
            if border is None or (face.centre[0] > border.centre[0]) == (person == 1):
                faces[person] = face
                return

    def _owner(self, face: Detection, width_px: int) -> int:
        distances = [self._distance(person, face) for person in (0, 1)]
        if np.isinf(distances).all():
            return int(face.centre[0] > width_px / 2)
        return int(np.argmin(distances))


def _left_to_right(faces: Sequence[Detection]) -> list[Detection]:
    return sorted(faces, key=lambda face: face.centre[0])
