"""Mouths in the frames between the analysed ones, measured in the pass that finds the faces (paper §3.2.1).

Faces move slowly: those of the analysed frames around say where a face is. `abaw.speech.mouths` measures the same in a
second pass, out of the table of faces.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from abaw.config import FacesConfig
from abaw.faces.crop import crop_region
from abaw.faces.detection import Detection
from abaw.faces.following import Crop, pixels_of, to_measure
from abaw.faces.mouth import MouthMeter
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

    A mouth is measured when it is asked for, near to where the mesh was in the picture before. Until then its crop is
    held, as JPEG where the frames `are_kept` by who looks ahead; the pictures are let go. Frames before a
    `BrokenVideoError` come first.
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
    for face in frame.faces:
        later = []
        last: Crop | None = Crop(face.face.box, face.corner_px, face.mouth)
        for picture in pictures:
            share = (picture.time_s - frame.time_s) / between_s if between_s else 0.0
            box = _box(face.face, now.get(face.track), share)
            last = _crop(picture.bgr, box, settings, meter, are_kept, last)
            later.append(_no_mouth if last is None else last.mouth)
        faces.append(replace(face, later=later))
    return replace(frame, faces=faces, later=[(picture.number, picture.time_s) for picture in pictures])


def _box(before: Detection, after: Detection | None, share: float) -> NDArray[np.float64] | None:
    """Where a face is so far on the way, 0 to 1, between two analysed frames; None where it is nearer to none.

    Between two boxes that overlap it moves in proportion, else it is the nearer one's. Boxes are as the table `faces`
    holds them.
    """
    one = before.box.astype(np.float32).astype(np.float64)
    if after is None:
        return one if share <= 0.5 else None
    other = after.box.astype(np.float32).astype(np.float64)
    if overlaps(one[None], other[None])[0, 0] > 0:
        return (1 - share) * one + share * other
    return other if share > 0.5 else one


def _crop(
    bgr: NDArray[np.uint8],
    box: NDArray[np.float64] | None,
    settings: FacesConfig,
    meter: MouthMeter,
    is_kept: bool,
    before: Crop | None,
) -> Crop | None:
    """The crop of a box in a picture; None where there is none."""
    if box is None:
        return None
    x0, y0, x1, y1 = crop_region(box, settings.margin_px, bgr.shape[1], bgr.shape[0])
    if x1 <= x0 or y1 <= y0:
        return None
    pixels = pixels_of(bgr[y0:y1, x0:x1], settings.jpeg_quality if is_kept else None)
    return to_measure(pixels, box, (x0, y0), meter, before)


def _no_mouth() -> None:
    return None
