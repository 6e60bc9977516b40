"""How far a mouth is open, from MediaPipe's face mesh on a crop (paper §3.2.1)."""

from dataclasses import dataclass

import cv2
import numpy as np
from mediapipe.python.solutions.face_mesh import FaceMesh

from abaw.faces.solutions import start

_UPPER_LIP, _LOWER_LIP = 13, 14
_MOUTH_RIGHT, _MOUTH_LEFT = 61, 291
_EYES = [33, 133], [362, 263]
"""Outer and inner corner of the right eye, inner and outer corner of the left: an eye's centre is between its two."""


@dataclass(frozen=True, eq=False)
class Mouth:
    """`opening`: gap between the inner lips over the distance between the eyes' centres, 0 where closed, free of scale.

    `corners`: the subject's right and left mouth corner (2 x 2, x and y in pixels of the crop).
    """

    opening: float
    corners: np.ndarray


class MouthMeter:
    """Measures mouths, each image on its own."""

    def __init__(self) -> None:
        self._mesh = start(FaceMesh, static_image_mode=True, max_num_faces=1, refine_landmarks=False)

    def measure(self, bgr: np.ndarray) -> Mouth | None:
        """Measure the mouth in the crop of a face (height x width x 3, uint8); None where no mesh is found."""
        found = self._mesh.process(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)).multi_face_landmarks
        if not found:
            return None
        height, width = bgr.shape[:2]
        mesh = np.array([(point.x, point.y) for point in found[0].landmark]) * (width, height)
        right_eye, left_eye = (mesh[corners].mean(axis=0) for corners in _EYES)
        gap = np.linalg.norm(mesh[_LOWER_LIP] - mesh[_UPPER_LIP])
        return Mouth(float(gap / np.linalg.norm(left_eye - right_eye)), mesh[[_MOUTH_RIGHT, _MOUTH_LEFT]])
