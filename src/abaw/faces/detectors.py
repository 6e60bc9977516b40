"""The choice of a face detector; each is a module of its own, whose libraries load only where it is chosen."""

from os import PathLike

from abaw.config import FacesConfig
from abaw.faces.detection import Detector
from abaw.running.errors import UserError


def make_detector(
    settings: FacesConfig, threads: int, network: str | PathLike[str] | None = None, device: str = "cpu"
) -> Detector:
    """The detector that the settings name.

    `threads` bounds those of its network where the library lets one choose; it does not change what is found. `network`
    is its ONNX file and `device` the `compute.detector_device` that it runs on; mediapipe needs neither. Raises
    `UserError` where the file or the device cannot be used.
    """
    if settings.detector == "mediapipe":
        from abaw.faces.mediapipe import MediaPipeDetector

        return MediaPipeDetector(settings.min_score)
    if network is None:
        raise UserError(f"faces.detector is {settings.detector}, which needs the file of its network; give --network")
    if settings.detector == "insightface":
        from abaw.faces.insightface import InsightFaceDetector

        return InsightFaceDetector(network, settings.min_score, threads, device)
    from abaw.faces.retinaface import RetinaFaceDetector, load_forward

    forward, batch = load_forward(network, threads, device)
    return RetinaFaceDetector(forward, settings.min_score, settings.retinaface_side_px, batch)
