"""How far a mouth is open, from MediaPipe's face mesh on a crop (paper §3.2.1)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import Any, Self

import cv2
import numpy as np

from abaw.faces.solutions import FaceMesh, FollowingMesh, NormalizedRect, start

_BORDER = 0.15
"""Black border around the crop, in its longer sides: the mesh's own face detector wants surroundings.

On the tests' real footage it leaves 4 of 405 crops without a mesh instead of 11.
"""
_UPPER_LIP, _LOWER_LIP = 13, 14
_MOUTH_RIGHT, _MOUTH_LEFT = 61, 291
EYES = [33, 133], [362, 263]
"""Outer and inner corner of the right eye, inner and outer corner of the left: an eye's centre is between its two."""
_UPPER_RIM = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
_LOWER_RIM = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
"""The inner rims of the lips, from the right corner to the left one."""
_LIPS = [_UPPER_LIP, _LOWER_LIP, _MOUTH_RIGHT, _MOUTH_LEFT]
_MEASURED = [*_LIPS, *EYES[0], *EYES[1], *_UPPER_RIM, *_LOWER_RIM]
"""The points that say what a mouth does; to read all 468 of a mesh takes a twentieth of finding it."""
_PARTS = np.cumsum([2, 2, 2, 2, len(_UPPER_RIM)])
"""Where among them the mouth's corners, the two eyes and the two rims begin."""


@dataclass(frozen=True)
class Place:
    """Where a mesh looks for a face: a turned rectangle by its middle and sides in pixels of the crop, and its turn."""

    x_px: float
    y_px: float
    width_px: float
    height_px: float
    turn_rad: float

    @classmethod
    def of(cls, found: NormalizedRect, framed: np.ndarray, border_px: int) -> Self:
        """MediaPipe's, which is in shares of the crop with its border."""
        height, width = framed.shape[:2]
        x, y = found.x_center * width - border_px, found.y_center * height - border_px
        return cls(x, y, found.width * width, found.height * height, found.rotation)

    def within(self, framed: np.ndarray, border_px: int) -> NormalizedRect:
        """The same for MediaPipe."""
        height, width = framed.shape[:2]
        return NormalizedRect(
            x_center=(self.x_px + border_px) / width,
            y_center=(self.y_px + border_px) / height,
            width=self.width_px / width,
            height=self.height_px / height,
            rotation=self.turn_rad,
        )

    def moved(self, by_px: np.ndarray) -> Self:
        """The place so many pixels (x, y) further."""
        return replace(self, x_px=self.x_px + float(by_px[0]), y_px=self.y_px + float(by_px[1]))


@dataclass(frozen=True, eq=False)
class Mouth:
    """`opening`: gap between the inner lips over the distance between the eyes' centres, 0 where closed, free of scale.

    `area`: of the strip between the inner lips, in crops' areas, in [0, 1]; the authors' measure, which grows with the
    face's share of the crop. `corners`: the subject's right and left mouth corner (2 x 2, x and y in pixels of the
    crop). `place`: where the mesh was looked for. `mesh`: all points (468 x 2) in the crop's longer side, where they
    are kept.
    """

    opening: float
    area: float
    corners: np.ndarray
    place: Place
    mesh: np.ndarray | None = None

    def columns(self) -> dict[str, Any]:
        """What the table `faces` holds of it."""
        found: dict[str, Any] = {"mouth_opening": self.opening, "mouth_area": self.area}
        return found if self.mesh is None else found | {"mesh": self.mesh.astype(np.float16).ravel()}


class MouthMeter:
    """Measures mouths, each image on its own, or near to where the mesh was in the one before.

    The mesh is the plain one of 468 points. The one with refined lips, which the authors use, costs half as much again
    and follows the openings of the embedded corpus less closely. Threads may share a meter; they take turns.
    """

    def __init__(self, keeps_mesh: bool = False) -> None:
        self.keeps_mesh = keeps_mesh
        self._turn = Lock()
        self._mesh = start(FaceMesh, static_image_mode=True, max_num_faces=1, refine_landmarks=False)

    @cached_property
    def _following(self) -> Any:
        return start(FollowingMesh)

    def __del__(self) -> None:
        for name in ("_mesh", "_following"):
            if name in vars(self):
                vars(self)[name].close()  # or its network stays in memory for as long as the process lives

    def measure(self, rgb: np.ndarray, near: Place | None = None) -> Mouth | None:
        """Measure the mouth in the crop of a face (height x width x 3, uint8); None where no mesh is found.

        With a place, the mesh is looked for there, and anew only if it is not: in two thirds of the time.
        """
        border = round(_BORDER * max(rgb.shape))
        framed = cv2.copyMakeBorder(rgb, border, border, border, border, cv2.BORDER_CONSTANT)
        framed.flags.writeable = False
        with self._turn:
            if near is not None:
                found = self._following.process(framed, near.within(framed, border)).landmarks
                if found is not None:
                    return self._mouth(found.landmark, near, rgb, framed, border)
            points, place = self._sought(framed)
        return None if place is None else self._mouth(points, Place.of(place, framed, border), rgb, framed, border)

    def _sought(self, framed: np.ndarray) -> tuple[Any, NormalizedRect | None]:
        found = self._mesh.process(framed)
        if not found.multi_face_landmarks:
            return None, None
        return found.multi_face_landmarks[0].landmark, found.face_rects_from_detections[0]

    def _mouth(self, points: Any, place: Place, rgb: np.ndarray, framed: np.ndarray, border: int) -> Mouth:
        def read(numbers: Iterable[int]) -> np.ndarray:
            return np.array([(points[number].x, points[number].y) for number in numbers]) * framed.shape[1::-1] - border

        (upper, lower), corners, right_eye, left_eye, *rims = np.split(read(_MEASURED), _PARTS)
        across = left_eye.mean(axis=0) - right_eye.mean(axis=0)
        return Mouth(
            opening=float(np.linalg.norm(lower - upper) / np.linalg.norm(across)),
            area=strip_area(*(rim / rgb.shape[1::-1] for rim in rims)),
            corners=corners,
            place=place,
            mesh=read(range(len(points))) / max(rgb.shape) if self.keeps_mesh else None,
        )


def strip_area(upper: np.ndarray, lower: np.ndarray) -> float:
    """The area between two lines of n points each (n x 2), cut into triangles whose areas all count as positive.

    The triangles are those of the authors' `open_mouth_features_extraction.py`, so that lips whose lines cross have an
    area as there.

    >>> strip_area(np.array([[0, 0], [1, 0], [2, 0]]), np.array([[0, 0], [1, 3], [2, 0]]))
    3.0
    """
    corner, across = lower[:-1], upper[1:] - lower[:-1]
    sides = (upper[:-1] - corner, lower[1:] - corner)
    doubled = [np.abs(across[:, 0] * side[:, 1] - across[:, 1] * side[:, 0]) for side in sides]
    return float(np.sum(doubled) / 2)
