"""One streaming pass over a video: frames, faces, subjects, crops and mouths (paper §3.2.1, §3.2.2)."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from os import PathLike

import numpy as np

from abaw.config import FacesConfig
from abaw.faces.crop import crop_region, decode_crop, encode_crop, fitted
from abaw.faces.cuts import CutFinder
from abaw.faces.detection import Detection, Detector
from abaw.faces.detectors import make_detector
from abaw.faces.mouth import MouthMeter
from abaw.faces.row import Row, bare_row
from abaw.faces.stream import AHEAD, WHOLE, Span, ahead, detected_frames
from abaw.faces.subjects import Subject, TrackedFace, TrackedFrame, cast, places
from abaw.faces.tracking import Tracker
from abaw.media.video import SampledFrame
from abaw.tables.schemas import FIVE_POINTS

SAME_SHAPE = 0.03
"""By how much the shape of the pictures may change in mid-stream where only their size does; beyond it, it is a cut."""
_BOX_COLUMNS = ("x0_px", "y0_px", "x1_px", "y1_px")
_POINT_COLUMNS = tuple(f"{point}_{axis}_px" for point in FIVE_POINTS for axis in "xy")
_MOUTH_CORNERS = [FIVE_POINTS.index("mouth_right"), FIVE_POINTS.index("mouth_left")]


def analyse_video(
    path: str | PathLike[str],
    subjects: Sequence[Subject],
    settings: FacesConfig,
    threads: int,
    detector: Detector | None = None,
    span_s: Span = WHOLE,
) -> Iterator[list[Row]]:
    """Yield for each analysed frame one row of the table `faces` per subject, in their order, with a face or without.

    `detector` is made by the settings where none is given; only frames in `span_s` are analysed. Memory does not grow
    with the video: what is kept are the crops of the next `abaw.faces.subjects.LOOK_AHEAD_S`. The mouth is measured on
    the crop as it was cut out, before it is made as small as `settings.crop_side_px`; points that the detector lacks
    come from its mesh where there is one. With more than one thread decoding, detecting and measuring go on side by
    side; what comes out is the same. Raises `UserError` for a video that cannot be read, and for subjects that `places`
    refuses.
    """
    standing = places(subjects)
    people = 1 if len(subjects) == 1 and subjects[0].side is None else 2
    frames = tracked_frames(path, settings, threads, detector or make_detector(settings, threads), span_s)
    if threads > 1:
        frames = ahead(_measured(ahead(frames, AHEAD), people), AHEAD)
    for frame, faces in cast(frames, people, settings.subject):
        yield [face_row(subject.sample, frame, faces[place]) for subject, place in zip(subjects, standing, strict=True)]


def tracked_frames(
    path: str | PathLike[str], settings: FacesConfig, threads: int, detector: Detector, span_s: Span = WHOLE
) -> Iterator[TrackedFrame]:
    """The analysed frames in `span_s` with all their faces, followed and cropped."""
    tracker, cuts, meter, shot = Tracker(), CutFinder(), MouthMeter(), 0
    size: tuple[int, ...] = ()
    for frame, detections in detected_frames(path, settings.analysis_rate_hz, detector, threads, span_s):
        cut = cuts.is_cut(frame.bgr)
        before, size = size or frame.bgr.shape[:2], frame.bgr.shape[:2]
        if before != size:
            turned = abs(size[0] * before[1] / (size[1] * before[0]) - 1) > SAME_SHAPE
            cut = cut or turned
            tracker.resize(size[1] / before[1])
        shot += cut
        tracks = tracker.update(frame.time_s, detections, cut)
        faces = [_cropped(frame, *seen, settings, meter) for seen in zip(tracks, detections, strict=True)]
        yield TrackedFrame(frame.number, frame.time_s, shot, frame.bgr.shape[1], faces)


def _measured(frames: Iterable[TrackedFrame], people: int) -> Iterator[TrackedFrame]:
    """The frames, mouths measured where no more faces are seen than people are followed: most of these are theirs."""
    for frame in frames:
        if len(frame.faces) <= people:
            for face in frame.faces:
                face.mouth()
        yield frame


def _cropped(frame: SampledFrame, track: int, face: Detection, settings: FacesConfig, meter: MouthMeter) -> TrackedFace:
    height, width = frame.bgr.shape[:2]
    x0, y0, x1, y1 = crop_region(face.box, settings.margin_px, width, height)
    seen = np.ascontiguousarray(frame.bgr[y0:y1, x0:x1])
    whole = crop = encode_crop(seen, settings.jpeg_quality)
    if (smaller := fitted(seen, settings.crop_side_px)) is not seen:
        crop = encode_crop(smaller, settings.jpeg_quality)
    return TrackedFace(track, face, crop, (x0, y0), cache(lambda: meter.measure(decode_crop(whole))))


def face_row(sample: str, frame: TrackedFrame, seen: TrackedFace | None) -> Row:
    """The row of the table `faces` of a sample whose face is `seen` in a frame, or is not; the mouth is measured."""
    row = bare_row(sample, frame.number, frame.time_s, has_face=seen is not None)
    if seen is None:
        return row
    mouth = seen.mouth()
    points = seen.face.points.copy()
    if mouth is not None:
        corners = mouth.corners + np.array(seen.corner_px)
        points[_MOUTH_CORNERS] = np.where(np.isnan(points[_MOUTH_CORNERS]), corners, points[_MOUTH_CORNERS])
        row |= mouth.columns()
    row |= {"score": seen.face.score, "crop": seen.crop}
    row |= zip(_BOX_COLUMNS, seen.face.box.tolist(), strict=True)
    return row | {
        name: None if np.isnan(at) else at for name, at in zip(_POINT_COLUMNS, points.ravel().tolist(), strict=True)
    }
