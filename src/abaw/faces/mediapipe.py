"""MediaPipe's two face detectors, whose models its wheel carries (BlazeFace, Bazarevsky et al. 2019)."""

from collections.abc import Sequence

import cv2
import numpy as np
from mediapipe.python.solutions.face_detection import FaceDetection

from abaw.faces.detection import Detection, Detector, select
from abaw.faces.solutions import start
from abaw.tables import FIVE_POINTS

_FULL_RANGE, _SHORT_RANGE = 1, 0
_OVERLAP = 0.2  # their boxes of one face differ more than those of one model, which has removed doubles itself
_POINTS = ("right_eye", "left_eye", "nose")
"""The points that it shares with the five; the others are the mouth's middle and the ears."""


class MediaPipeDetector(Detector):
    """Both models on every frame; where both see a face, the short-range one's box counts.

    The full-range model finds small faces that the short-range one misses, and misses large ones behind a hand that
    the other finds, whose boxes lie closer to the face. Neither gives a face that scores below 0.5. Their threads
    cannot be set.
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
        found = [
            (detection.location_data, detection.score[0], 1 - order)
            for order, model in enumerate(self._models)
            for detection in model.process(rgb).detections or ()
            if detection.score[0] >= self._min_score
        ]
        boxes, points = np.empty((len(found), 4)), np.full((len(found), len(FIVE_POINTS), 2), np.nan)
        for row, (location, _, _) in enumerate(found):
            box = location.relative_bounding_box
            boxes[row] = box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height
            points[row, : len(_POINTS)] = [(point.x, point.y) for point in location.relative_keypoints[: len(_POINTS)]]
        scores = np.array([score for _, score, _ in found])
        ranks = scores + np.array([preferred for _, _, preferred in found])
        size = np.array([width, height])
        return select(boxes * np.tile(size, 2), scores, points * size, ranks, _OVERLAP, bgr)
