"""Faces by RetinaFace with the MobileNet-0.25 body (paper §3.2.2): its ONNX form, and the decoding of its outputs.

Deng et al., RetinaFace: Single-shot Multi-level Face Localisation in the Wild, CVPR 2020.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from os import PathLike

import cv2
import numpy as np

from abaw.faces.detection import Detection, Detector, select
from abaw.running.errors import UserError
from abaw.running.onnx import start_session

STRIDES_PX = (8, 16, 32)
PRIOR_SIDES_PX = ((16, 32), (64, 128), (256, 512))
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
OVERLAP = 0.4
OUTPUTS = ["boxes", "scores", "points"]
BATCH = {"cpu": 1, "cuda": 32}
"""On a CPU one image stays in its cache."""

Forward = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Images (n x height x width x 3, BGR, uint8) to box offsets (n x priors x 4), scores in [0, 1] (n x priors) and point
offsets (n x priors x 10)."""


@lru_cache(maxsize=4)
def prior_boxes(height: int, width: int) -> np.ndarray:
    """The prior boxes of an image: (priors x 3) of centre x, centre y and side, in pixels."""
    levels = []
    for stride, sides in zip(STRIDES_PX, PRIOR_SIDES_PX, strict=True):
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, side = np.meshgrid(
            (np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride, sides, indexing="ij"
        )
        levels.append(np.stack([x.ravel(), y.ravel(), side.ravel()], axis=1))
    return np.concatenate(levels)


def load_forward(path: str | PathLike[str], threads: int, device: str) -> tuple[Forward, int]:
    """The exported network in ONNX Runtime, and how many images it is quickest with on the device.

    `threads` bounds those on a CPU. Raises `UserError` where the file is not such a network.
    """
    session = start_session(path, threads, device)
    if [output.name for output in session.get_outputs()] != OUTPUTS:
        raise UserError(f"{path} is not a RetinaFace network that this project exported; delete it and run again")

    def forward(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        offsets, scores, points = session.run(OUTPUTS, {"images": images})
        return offsets, scores, points

    return forward, BATCH[device]


class RetinaFaceDetector(Detector):
    """RetinaFace, by either form of its network.

    Images whose longer side exceeds `side_px` are made smaller for the network alone; with None it sees all pixels.
    """

    def __init__(self, forward: Forward, min_score: float, side_px: int | None, batch: int = 1) -> None:
        self._forward = forward
        self._min_score = min_score
        self._side_px = side_px
        self.batch = batch

    def detect_batch(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of images of one size (height x width x 3, BGR, uint8), in each best first."""
        seen = [self._seen(image) for image in images]
        outputs = self._forward(np.stack(seen))
        return [
            self._decode(image, seen[i].shape, *(output[i] for output in outputs)) for i, image in enumerate(images)
        ]

    def _seen(self, bgr: np.ndarray) -> np.ndarray:
        """What the network sees of an image: halves of it, which are quick to make, and then the right size."""
        height, width = bgr.shape[:2]
        if self._side_px is None or max(height, width) <= self._side_px:
            return bgr
        scale = self._side_px / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        while bgr.shape[0] >= 2 * size[1] and bgr.shape[1] >= 2 * size[0]:
            bgr = cv2.resize(bgr, (bgr.shape[1] // 2, bgr.shape[0] // 2), interpolation=cv2.INTER_AREA)
        return cv2.resize(bgr, size, interpolation=cv2.INTER_LINEAR)

    def _decode(
        self,
        bgr: np.ndarray,
        seen: tuple[int, ...],
        offsets: np.ndarray,
        scores: np.ndarray,
        point_offsets: np.ndarray,
    ) -> list[Detection]:
        """The faces of an image, in its own pixels, by the outputs for its prior boxes."""
        good = np.flatnonzero(scores >= self._min_score)
        centre, side = np.split(prior_boxes(*seen[:2])[good], [2], axis=1)
        middle = centre + CENTRE_VARIANCE * side * offsets[good, :2]
        half = side / 2 * np.exp(SIZE_VARIANCE * offsets[good, 2:])
        scale = np.array([bgr.shape[1] / seen[1], bgr.shape[0] / seen[0]])
        boxes = np.concatenate([middle - half, middle + half], axis=1) * np.tile(scale, 2)
        points = centre[:, None] + CENTRE_VARIANCE * side[:, None] * point_offsets[good].reshape(-1, 5, 2)
        return select(boxes, scores[good], points * scale, scores[good], OVERLAP, bgr)
