"""MediaPipe's two face detectors, whose models its wheel carries (BlazeFace, Bazarevsky et al. 2019)."""

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from abaw.faces.detection import Detection, Detector, select
from abaw.faces.solutions import FaceDetection, start
from abaw.faces.tracking import overlaps
from abaw.tables.schemas import FIVE_POINTS

_FULL_RANGE, _SHORT_RANGE = 1, 0
_OVERLAP = 0.2  # their boxes of one face differ more than those of one model, which has removed doubles itself
_TOUCH = 0.1
_POINTS = ("right_eye", "left_eye", "nose")
"""The points that it shares with the five; the others are the mouth's middle and the ears."""


class MediaPipeDetector(Detector):
    """Both models on every frame; where both see a face, the short-range one's box counts, which lies closer to it.

    The full-range model finds small faces that the short-range one misses, and misses large ones behind a hand that
    the other finds; a box of the other that touches two of its faces is between them and is dropped. Neither gives a
    face that scores below 0.5. Their threads cannot be set.
    """

    def __init__(self, min_score: float) -> None:
        self._min_score = min_score
        self._models = [start(FaceDetection, model_selection=model) for model in (_SHORT_RANGE, _FULL_RANGE)]

    def detect_batch(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of images (height x width x 3, BGR, uint8), in each best first; mouth corners are NaN."""
        return [self._detect(bgr) for bgr in images]

    def _detect(self, bgr: np.ndarray) -> list[Detection]:
        height, width = bgr.shape[:2]
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        rgb.flags.writeable = False
        size = np.array([width, height])
        short, full = (list(_found(model.process(rgb), size)) for model in self._models)
        far = np.array([box for box, _, _ in full]).reshape(-1, 4)
        short = [one for one in short if (overlaps(one[0][None], far) > _TOUCH).sum() < 2]
        found = [(*one, order) for order, each in enumerate((full, short)) for one in each if one[1] >= self._min_score]
        if not found:
            return []
        boxes, scores, points, preferred = (np.array(values) for values in zip(*found, strict=True))
        return select(boxes, scores, points, scores + preferred, _OVERLAP, bgr)


def _found(result: Any, size: np.ndarray) -> Iterator[tuple[np.ndarray, float, np.ndarray]]:
    """Box, score and points (5 x 2) of each face that a model found, in pixels of an image of this width and height."""
    for detection in result.detections or ():
        box = detection.location_data.relative_bounding_box
        points = np.full((len(FIVE_POINTS), 2), np.nan)
        known = detection.location_data.relative_keypoints[: len(_POINTS)]
        points[: len(_POINTS)] = [(point.x, point.y) for point in known]
        ends = np.array([box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height])
        yield ends * np.tile(size, 2), detection.score[0], points * size
