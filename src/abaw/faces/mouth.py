"""How far a mouth is open, from MediaPipe's face mesh on a crop (paper §3.2.1)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from threading import Lock
from typing import Any, Self

import cv2
import numpy as np

from abaw.faces.crop import Pixels
from abaw.faces.detection import Detection
from abaw.faces.solutions import FaceMesh, NormalizedRect, PlacedMesh, start
from abaw.tables.schemas import FIVE_POINTS

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
_EYE_POINTS = [FIVE_POINTS.index("right_eye"), FIVE_POINTS.index("left_eye")]
_PLACE_SIDE = 1.5
"""The side of the place where MediaPipe lays a mesh, in that of its detector's box, a square.

Boxes of other detectors are taken as squares of their area: RetinaFace's are a third longer, and lie a little higher.
"""
_PROFILE = 0.3
"""Eyes that are nearer to each other than this, in sides of the box, are of a face that is seen from the side.

There box and eyes say less: the mesh may lie half a mouth beside where one that is sought lies. Of faces that look at
the camera the eyes are 0.35 to 0.45 apart.
"""


@dataclass(frozen=True)
class Place:
    """Where the mesh of a face is expected: a turned square, its middle and side in pixels of a crop."""

    x_px: float
    y_px: float
    side_px: float
    turn_rad: float

    @classmethod
    def of(cls, face: Detection, corner_px: tuple[int, int], picture_px: tuple[int, int]) -> Self | None:
        """That of a face in a picture of this width and height, for a crop that begins at `corner_px` (x, y).

        It is where MediaPipe's own graph lays the mesh once its detector has found a box and eyes. None where the eyes
        are not known or those of a face from the side, and where the box ends at the picture's edge: of what lies
        beyond it, the box does not say.
        """
        right, left = face.points[_EYE_POINTS]
        across = left - right
        is_cut = (face.box[:2] <= 0).any() or (face.box[2:] >= picture_px).any()
        if is_cut or not np.linalg.norm(across) >= _PROFILE * face.side_px:  # nor is it where an eye is NaN
            return None
        x, y = face.centre - corner_px
        return cls(float(x), float(y), _PLACE_SIDE * face.side_px, float(np.arctan2(*across[::-1])))

    def within(self, framed: np.ndarray, border_px: int) -> NormalizedRect:
        """The same for MediaPipe, in shares of the crop with its border."""
        height, width = framed.shape[:2]
        return NormalizedRect(
            x_center=(self.x_px + border_px) / width,
            y_center=(self.y_px + border_px) / height,
            width=self.side_px / width,
            height=self.side_px / height,
            rotation=self.turn_rad,
        )


@dataclass(frozen=True, eq=False)
class Mouth:
    """`opening`: gap between the inner lips over the distance between the eyes' centres, 0 where closed, free of scale.

    `area`: of the strip between the inner lips, in crops' areas, in [0, 1]; the authors' measure, which grows with the
    face's share of the crop. `corners`: the subject's right and left mouth corner (2 x 2, x and y in pixels of the
    crop). `mesh`: all points (468 x 2) in the crop's longer side, where they are kept.
    """

    opening: float
    area: float
    corners: np.ndarray
    mesh: np.ndarray | None = None

    def columns(self) -> dict[str, Any]:
        """What the table `faces` holds of it."""
        found: dict[str, Any] = {"mouth_opening": self.opening, "mouth_area": self.area}
        return found if self.mesh is None else found | {"mesh": self.mesh.astype(np.float16).ravel()}


Measured = Callable[[], Mouth | None]


class MouthMeter:
    """Measures mouths, each image on its own.

    The mesh is the plain one of 468 points. The one with refined lips, which the authors use, costs half as much again
    and follows the openings of the embedded corpus less closely. With `by_faces` it is not sought in a crop but laid
    where box and eyes say, in half of the time, and sought where it finds no face there. Threads may share a meter;
    they take turns.
    """

    def __init__(self, keeps_mesh: bool = False, by_faces: bool = False) -> None:
        self.keeps_mesh, self.by_faces = keeps_mesh, by_faces
        self._turn = Lock()
        self._mesh = start(FaceMesh, static_image_mode=True, max_num_faces=1, refine_landmarks=False)

    @cached_property
    def _placed(self) -> Any:
        return start(PlacedMesh)

    def __del__(self) -> None:
        for name in ("_mesh", "_placed"):
            if name in vars(self):
                vars(self)[name].close()  # or its network stays in memory for as long as the process lives

    def when_asked(
        self, pixels: Pixels, face: Detection, corner_px: tuple[int, int], picture_px: tuple[int, int]
    ) -> Measured:
        """What measures the mouth of a face once, when it is first called: arguments as those of `Place.of`."""
        place = Place.of(face, corner_px, picture_px) if self.by_faces else None
        return cache(lambda: self.measure(pixels(), place))

    def measure(self, rgb: np.ndarray, near: Place | None = None) -> Mouth | None:
        """Measure the mouth in the crop of a face (height x width x 3, uint8); None where no mesh is found.

        With a place, the mesh is laid there, and sought only if there is no face.
        """
        border = round(_BORDER * max(rgb.shape))
        framed = cv2.copyMakeBorder(rgb, border, border, border, border, cv2.BORDER_CONSTANT)
        framed.flags.writeable = False
        with self._turn:
            points = self._found(framed, None if near is None else near.within(framed, border))
            return None if points is None else self._mouth(points, rgb, framed, border)

    def _found(self, framed: np.ndarray, place: NormalizedRect | None) -> Any:
        """The points of the mesh, None where there is none."""
        placed = None if place is None else self._placed.process(framed, place).landmarks
        return self._sought(framed) if placed is None else placed.landmark

    def _sought(self, framed: np.ndarray) -> Any:
        found = self._mesh.process(framed).multi_face_landmarks
        return found[0].landmark if found else None

    def _mouth(self, points: Any, rgb: np.ndarray, framed: np.ndarray, border: int) -> Mouth:
        def read(numbers: Iterable[int]) -> np.ndarray:
            return np.array([(points[number].x, points[number].y) for number in numbers]) * framed.shape[1::-1] - border

        (upper, lower), corners, right_eye, left_eye, *rims = np.split(read(_MEASURED), _PARTS)
        across = left_eye.mean(axis=0) - right_eye.mean(axis=0)
        return Mouth(
            opening=float(np.linalg.norm(lower - upper) / np.linalg.norm(across)),
            area=strip_area(*(rim / rgb.shape[1::-1] for rim in rims)),
            corners=corners,
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
