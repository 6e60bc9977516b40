"""One streaming pass over a video: frames, faces, subjects, crops and mouths (paper §3.2.1, §3.2.2)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import inf
from os import PathLike

import numpy as np

from abaw.config import FacesConfig
from abaw.faces.asking import Look
from abaw.faces.between import Followed, with_later_mouths
from abaw.faces.crop import crop_region, encode_crop, fitted, held, pixels_of
from abaw.faces.detection import Detection, Detector
from abaw.faces.detectors import make_detector
from abaw.faces.mouth import MouthMeter
from abaw.faces.row import Row, bare_row
from abaw.faces.stream import AHEAD, WHOLE, Span, ahead, detected_frames
from abaw.faces.subjects import Subject, TrackedFace, TrackedFrame, cast, places
from abaw.faces.tracking import Tracker
from abaw.media.video import SampledFrame
from abaw.tables.schemas import FIVE_POINTS

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
    detector = detector or make_detector(settings, threads)
    for frame, faces in followed_frames(path, subjects, settings, threads, detector, span_s):
        yield [face_row(subject.sample, frame, face) for subject, face in zip(subjects, faces, strict=True)]


def followed_frames(
    path: str | PathLike[str],
    subjects: Sequence[Subject],
    settings: FacesConfig,
    threads: int,
    detector: Detector,
    span_s: Span = WHOLE,
    mouths_hz: float | None = None,
) -> Iterator[tuple[TrackedFrame, list[TrackedFace | None]]]:
    """The frames of `analyse_video` with the face of each subject, None where theirs is not seen; also their mouths in
    between, where `mouths_hz` is given.
    """
    standing = places(subjects)
    people = 1 if len(subjects) == 1 and subjects[0].side is None else 2
    frames = tracked_frames(path, settings, threads, detector, span_s, mouths_hz=mouths_hz)
    if threads > 1:
        frames = measured_ahead(frames, people)
    for frame, faces in cast(frames, people, settings.subject):
        yield frame, [faces[place] for place in standing]


def tracked_frames(
    path: str | PathLike[str],
    settings: FacesConfig,
    threads: int,
    detector: Detector,
    span_s: Span = WHOLE,
    careful: bool = False,
    mouths_hz: float | None = None,
) -> Iterator[TrackedFrame]:
    """The analysed frames in `span_s` with all their faces, followed and cropped.

    `careful` is that of `Tracker`; it is meant for who lets each frame go before the next: a crop's pixels are held as
    they are until its mouth is measured, not as JPEG. Where the detector was not asked and the mesh finds no face, or a
    mouth that lies outside the face, it is asked now. With `mouths_hz` the faces come with their mouths in the frames
    after theirs that are nearest to the times of this rate.
    """
    meter = MouthMeter(settings.mesh, by_faces=settings.detect_every_s is not None)
    looked = detected_frames(
        path, settings.analysis_rate_hz, detector, threads, span_s, settings.detect_every_s, mouths_hz
    )
    frames = _tracked(looked, settings, detector, meter, careful)
    if mouths_hz is None:
        return (frame for frame, _ in frames)
    return with_later_mouths(frames, settings, meter, are_kept=not careful)


def _tracked(
    looked: Iterable[Look], settings: FacesConfig, detector: Detector, meter: MouthMeter, careful: bool
) -> Iterator[Followed]:
    tracker, shot = Tracker(careful), 0
    for look in looked:
        frame, found = look.frame, look.faces
        faces = [_cropped(frame, face, settings, meter, not careful) for face in found]
        if not look.asked and any(map(_is_doubtful, faces)):
            found = detector.detect(frame.bgr)
            faces = [_cropped(frame, face, settings, meter, not careful) for face in found]
        tracker.resize(look.growth)
        shot += look.is_cut
        tracks = tracker.update(frame.time_s, found, look.is_cut)
        faces = [replace(face, track=track) for face, track in zip(faces, tracks, strict=True)]
        tracked = TrackedFrame(frame.number, frame.time_s, shot, frame.bgr.shape[1], faces, (), frame.taken[-1])
        yield tracked, list(look.later)


def measured_ahead(frames: Iterable[TrackedFrame], people: float = inf) -> Iterator[TrackedFrame]:
    """The same frames, found by one thread and their mouths measured by another while the caller has earlier ones."""
    return ahead(_measured(ahead(frames, AHEAD), people), AHEAD)


def _measured(frames: Iterable[TrackedFrame], people: float) -> Iterator[TrackedFrame]:
    """The frames, mouths measured where no more faces are seen than people are followed: most of these are theirs."""
    for frame in frames:
        if len(frame.faces) <= people:
            for face in frame.faces:
                for measure in (face.mouth, *face.later):
                    measure()
        yield frame


def _cropped(
    frame: SampledFrame, face: Detection, settings: FacesConfig, meter: MouthMeter, is_kept: bool
) -> TrackedFace:
    """A face with its crop, on no track yet; its pixels are kept as JPEG for who looks ahead."""
    height, width = frame.bgr.shape[:2]
    x0, y0, x1, y1 = crop_region(face.box, settings.margin_px, width, height)
    seen = frame.bgr[y0:y1, x0:x1]
    smaller = fitted(seen, settings.crop_side_px)
    crop = encode_crop(smaller, settings.jpeg_quality)
    pixels = held(crop) if is_kept and smaller is seen else pixels_of(seen, settings.jpeg_quality if is_kept else None)
    mouth = meter.when_asked(pixels, face, (x0, y0), (width, height))
    return TrackedFace(-1, face, crop, (x0, y0), mouth)


def _is_doubtful(face: TrackedFace) -> bool:
    """Whether the mesh finds no face in the crop, or one whose mouth lies outside the box."""
    mouth = face.mouth()
    if mouth is None:
        return True
    middle, box = mouth.corners.mean(axis=0) + np.array(face.corner_px), face.face.box
    return not ((middle >= box[:2]) & (middle <= box[2:])).all()


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
