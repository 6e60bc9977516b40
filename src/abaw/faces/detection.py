"""What a face detector gives (paper §3.2.2)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, eq=False)
class Detection:
    """A face in an image.

    `box` is (x0, y0, x1, y1) in pixels, inside the image and not empty; `score` lies in [0, 1]; `points` are the five
    points of `abaw.tables.FIVE_POINTS` as a 5 x 2 array of x and y in pixels, NaN where the detector has none.
    """

    box: np.ndarray
    score: float
    points: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """Middle of the box, (x, y) in pixels."""
        return (self.box[:2] + self.box[2:]) / 2

    @property
    def side_px(self) -> float:
        """Side of the square with the box's area."""
        return float(np.sqrt(np.prod(self.box[2:] - self.box[:2])))

    @property
    def prominence(self) -> float:
        """How much the face stands out: its score times its area."""
        return self.score * self.side_px**2


class Detector(ABC):
    """A face detector; `batch` is the number of images that it is quickest with."""

    batch = 1

    @abstractmethod
    def detect_batch(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of images of one size (height x width x 3, BGR, uint8), in each best first.

        What is found in an image depends on the others by rounding at most.
        """

    def detect(self, bgr: np.ndarray) -> list[Detection]:
        """Find the faces of one image, best first."""
        return self.detect_batch([bgr])[0]


def select(
    boxes: np.ndarray, scores: np.ndarray, points: np.ndarray, ranks: np.ndarray, overlap: float, bgr: np.ndarray
) -> list[Detection]:
    """Clip n boxes (n x 4, pixels) to the image `bgr`, and keep of those that overlap the one with the highest rank.

    Two boxes overlap where their intersection over union exceeds `overlap`. Boxes of less than a pixel inside the image
    are dropped. The result is ordered by rank, highest first.
    """
    height, width = bgr.shape[:2]
    boxes = np.clip(boxes, 0, [width, height, width, height]).astype(np.float64)
    inside = np.flatnonzero((boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1))
    corner_size = np.concatenate([boxes[inside, :2], boxes[inside, 2:] - boxes[inside, :2]], axis=1)
    kept: Sequence[int] = cv2.dnn.NMSBoxes(corner_size.tolist(), ranks[inside].tolist(), 0.0, overlap)
    return [Detection(boxes[i], float(scores[i]), np.asarray(points[i], np.float64)) for i in inside[list(kept)]]
