"""insightface's detectors, SCRFD and RetinaFace, from their ONNX files through its own `model_zoo`.

Guo et al., Sample and Computation Redistribution for Efficient Face Detection, ICLR 2022.
"""

from collections.abc import Sequence
from os import PathLike

import numpy as np
from insightface.model_zoo import get_model

from abaw.faces.detection import Detection, Detector, select
from abaw.running.errors import UserError
from abaw.running.onnx import check_device, options, providers
from abaw.tables.schemas import FIVE_POINTS

INPUT_PX = 640
"""Side of the square that an image is fitted into, insightface's usual; a file with a size of its own keeps that."""
OVERLAP = 0.4


class InsightFaceDetector(Detector):
    """A detector of insightface: six or nine outputs on three levels, ten or fifteen on five; the more, with points."""

    def __init__(self, path: str | PathLike[str], min_score: float, threads: int, device: str) -> None:
        try:
            self._model = get_model(
                str(path),
                providers=providers(device),
                sess_options=options(threads, device),
                static_shape_sessions=False,
            )
        except UserError:
            raise
        except Exception as error:  # those of ONNX Runtime are not public, and insightface asserts
            raise UserError(f"{path} cannot be read as an ONNX network of insightface ({error})") from error
        if getattr(self._model, "taskname", None) != "detection":
            raise UserError(
                f"{path} is no face detector of insightface; expected is an ONNX file such as SCRFD's det_10g.onnx"
            )
        check_device(self._model.session, device)
        self._model.prepare(0, det_thresh=min_score, nms_thresh=OVERLAP, input_size=(INPUT_PX, INPUT_PX))

    def detect_batch(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of images (height x width x 3, BGR, uint8), in each best first; points it lacks are NaN."""
        return [self._detect(bgr) for bgr in images]

    def _detect(self, bgr: np.ndarray) -> list[Detection]:
        found, points = self._model.detect(bgr)
        if points is None:
            points = np.full((len(found), len(FIVE_POINTS), 2), np.nan)
        return select(found[:, :4], found[:, 4], points, found[:, 4], OVERLAP, bgr)
