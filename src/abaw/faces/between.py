"""Mouths in the frames between the analysed ones, measured in the pass that finds the faces (paper §3.2.1).

Faces move slowly: those of the analysed frames around say where a face is. `abaw.speech.mouths` measures the same in a
second pass, out of the table of faces.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from abaw.config import FacesConfig
from abaw.faces.asking import on_the_way
from abaw.faces.crop import crop_region, pixels_of
from abaw.faces.detection import Detection
from abaw.faces.mouth import Measured, MouthMeter
from abaw.faces.subjects import TrackedFrame
from abaw.faces.tracking import overlaps
from abaw.media.video import SampledFrame
from abaw.running.errors import BrokenVideoError

Followed = tuple[TrackedFrame, list[SampledFrame]]
"""An analysed frame, and the pictures after it up to the next one."""


def with_later_mouths(
    frames: Iterable[Followed], settings: FacesConfig, meter: MouthMeter, are_kept: bool
) -> Iterator[TrackedFrame]:
    """Yield the frames, each with the mouths of its faces in the pictures after it.

    A mouth is measured when it is asked for. Until then its crop is held, as JPEG where the frames `are_kept` by who
    looks ahead; the pictures are let go. Frames before a `BrokenVideoError` come first.
    """
    before: Followed | None = None
    broken: BrokenVideoError | None = None
    try:
        for now in frames:
            if before is not None:
                yield _with_later(*before, now[0], settings, meter, are_kept)
            before = now
    except BrokenVideoError as error:
        broken = error
    if before is not None:
        yield _with_later(*before, None, settings, meter, are_kept)
    if broken is not None:
        raise broken


def _with_later(
    frame: TrackedFrame,
    pictures: list[SampledFrame],
    following: TrackedFrame | None,
    settings: FacesConfig,
    meter: MouthMeter,
    are_kept: bool,
) -> TrackedFrame:
    now = {} if following is None else {face.track: face.face for face in following.faces}
    between_s = 0.0 if following is None else following.time_s - frame.time_s
    faces = []
    for seen in frame.faces:
        later = []
        for picture in pictures:
            share = (picture.time_s - frame.time_s) / between_s if between_s else 0.0
            face = _face(seen.face, now.get(seen.track), share)
            later.append(_no_mouth if face is None else _mouth(picture.bgr, face, settings, meter, are_kept))
        faces.append(replace(seen, later=later))
    return replace(frame, faces=faces, later=[(picture.number, picture.time_s) for picture in pictures])


def _face(before: Detection, after: Detection | None, share: float) -> Detection | None:
    """A face so far on the way, 0 to 1, between two analysed frames; None where it is nearer to none.

    Between two boxes that overlap it moves in proportion, else it is the nearer one.
    """
    if after is None:
        return before if share <= 0.5 else None
    if overlaps(before.box[None], after.box[None])[0, 0] > 0:
        return on_the_way(before, after, share)
    return after if share > 0.5 else before


def _mouth(
    bgr: NDArray[np.uint8], face: Detection, settings: FacesConfig, meter: MouthMeter, is_kept: bool
) -> Measured:
    """What measures the mouth of a face in a picture when it is asked for."""
    height, width = bgr.shape[:2]
    x0, y0, x1, y1 = crop_region(face.box, settings.margin_px, width, height)
    if x1 <= x0 or y1 <= y0:
        return _no_mouth
    pixels = pixels_of(bgr[y0:y1, x0:x1], settings.jpeg_quality if is_kept else None)
    return meter.when_asked(pixels, face, (x0, y0), (width, height))


def _no_mouth() -> None:
    return None
