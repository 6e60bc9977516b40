"""How far a mouth is open, from MediaPipe's face mesh on a crop (paper §3.2.1)."""

from dataclasses import dataclass
from threading import Lock
from typing import Any

import cv2
import numpy as np

from abaw.faces.solutions import FaceMesh, start

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
_MEASURED = sorted({_UPPER_LIP, _LOWER_LIP, _MOUTH_RIGHT, _MOUTH_LEFT, *EYES[0], *EYES[1], *_UPPER_RIM, *_LOWER_RIM})
"""The points that say what a mouth does; to read all 468 of a mesh takes a twentieth of finding it."""


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


class MouthMeter:
    """Measures mouths, each image on its own.

    The mesh is the plain one of 468 points. The one with refined lips, which the authors use, costs half as much again
    and follows the openings of the embedded corpus less closely. Threads may share a meter; they take turns.
    """

    def __init__(self, keeps_mesh: bool = False) -> None:
        self.keeps_mesh = keeps_mesh
        self._turn = Lock()
        self._mesh = start(FaceMesh, static_image_mode=True, max_num_faces=1, refine_landmarks=False)

    def __del__(self) -> None:
        if hasattr(self, "_mesh"):
            self._mesh.close()  # or its network stays in memory for as long as the process lives

    def measure(self, rgb: np.ndarray) -> Mouth | None:
        """Measure the mouth in the crop of a face (height x width x 3, uint8); None where no mesh is found."""
        border = round(_BORDER * max(rgb.shape))
        framed = cv2.copyMakeBorder(rgb, border, border, border, border, cv2.BORDER_CONSTANT)
        with self._turn:
            found = self._mesh.process(framed).multi_face_landmarks
        if not found:
            return None
        points = found[0].landmark
        read = range(len(points)) if self.keeps_mesh else _MEASURED
        mesh = np.full((len(points), 2), np.nan)
        mesh[read] = [(points[number].x, points[number].y) for number in read]
        mesh = mesh * framed.shape[1::-1] - border
        shares = mesh / rgb.shape[1::-1]
        right_eye, left_eye = (mesh[corners].mean(axis=0) for corners in EYES)
        gap = np.linalg.norm(mesh[_LOWER_LIP] - mesh[_UPPER_LIP])
        return Mouth(
            opening=float(gap / np.linalg.norm(left_eye - right_eye)),
            area=strip_area(shares[_UPPER_RIM], shares[_LOWER_RIM]),
            corners=mesh[[_MOUTH_RIGHT, _MOUTH_LEFT]],
            mesh=mesh / max(rgb.shape) if self.keeps_mesh else None,
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
