"""One streaming pass over a video: frames, faces, subjects, crops and mouths (paper §3.2.1, §3.2.2)."""

from collections.abc import Iterator, Sequence
from os import PathLike

import numpy as np

from abaw.config import FacesConfig
from abaw.faces.crop import crop_region, encode_crop
from abaw.faces.detection import Detection, make_detector
from abaw.faces.mouth import MouthMeter
from abaw.faces.row import Row, bare_row
from abaw.faces.tracking import Subject, Tracker, places
from abaw.tables import FIVE_POINTS
from abaw.video import SampledFrame, sample_frames

_BOX_COLUMNS = ("x0_px", "y0_px", "x1_px", "y1_px")
_POINT_COLUMNS = tuple(f"{point}_{axis}_px" for point in FIVE_POINTS for axis in "xy")
_MOUTH_CORNERS = [FIVE_POINTS.index("mouth_right"), FIVE_POINTS.index("mouth_left")]


def analyse_video(
    path: str | PathLike[str], subjects: Sequence[Subject], settings: FacesConfig, threads: int
) -> Iterator[list[Row]]:
    """Yield for each analysed frame one row of the table `faces` per subject, in their order, with a face or without.

    Nothing is kept but the subjects' last boxes, so memory does not grow with the video. Points that the detector lacks
    come from the mesh where there is one. Raises `UserError` for a video that cannot be read, for weights that are not
    the expected ones, and for subjects that `places` refuses.
    """
    standing = places(subjects)
    people = 1 if len(subjects) == 1 and subjects[0].side is None else 2
    tracker, detector, meter = Tracker(people), make_detector(settings, threads), MouthMeter()
    for frame in sample_frames(path, settings.analysis_rate_hz, threads):
        faces = tracker.update(frame.time_s, detector.detect(frame.bgr), frame.bgr.shape[1])
        yield [
            _row(subject.sample, frame, faces[place], settings, meter)
            for subject, place in zip(subjects, standing, strict=True)
        ]


def _row(sample: str, frame: SampledFrame, face: Detection | None, settings: FacesConfig, meter: MouthMeter) -> Row:
    row = bare_row(sample, frame.number, frame.time_s, has_face=face is not None)
    if face is None:
        return row
    height, width = frame.bgr.shape[:2]
    x0, y0, x1, y1 = crop_region(face.box, settings.margin_px, width, height)
    crop = np.ascontiguousarray(frame.bgr[y0:y1, x0:x1])
    mouth = meter.measure(crop)
    points = face.points.copy()
    if mouth is not None:
        seen = mouth.corners + np.array([x0, y0])
        points[_MOUTH_CORNERS] = np.where(np.isnan(points[_MOUTH_CORNERS]), seen, points[_MOUTH_CORNERS])
    row |= {"score": face.score, "mouth_opening": None if mouth is None else mouth.opening}
    row |= zip(_BOX_COLUMNS, face.box.tolist(), strict=True)
    row |= {
        name: None if np.isnan(at) else at for name, at in zip(_POINT_COLUMNS, points.ravel().tolist(), strict=True)
    }
    return row | {"crop": encode_crop(crop, settings.jpeg_quality)}
