"""Reading videos: what the container says, and the frames nearest to regular analysis times (paper §3.2.2).

Videos are untrusted: `abaw.media.container` says what is opened, and `abaw.media.process` where.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from os import PathLike
from typing import Any

import numpy as np

from abaw.media.decisions import Decision
from abaw.media.info import SampledFrame, VideoInfo, broken
from abaw.media.nearest import Placed, nearest
from abaw.media.process import DecoderDiedError, asked, understood

__all__ = [
    "EVERY_FRAME_HZ",
    "SampledFrame",
    "VideoInfo",
    "analysed_frames",
    "decisions",
    "first_shown_s",
    "frames_at",
    "probe",
    "sample_frames",
]

EVERY_FRAME_HZ = 1000.0
"""A rate above every video's: `sample_frames` then gives each frame once."""


def probe(path: str | PathLike[str]) -> VideoInfo:
    """Read what the container says. Nothing is decoded, and packets are read only where its index does not do.

    The index does where it lists every frame (MP4, AVI) and they follow each other at one rate. Raises `UserError`
    where the file is missing, no video, cut off so that frames are missing which the container promises, or has neither
    a frame nor a frame rate.
    """
    for head, times in asked("probe", path):
        is_variable = head.pop("is_variable")
        info = VideoInfo(**{**head, "fps": Fraction(*head["fps"])})
        if is_variable:
            pairs = np.frombuffer(times, np.int64).reshape(-1, 2).tolist()
            info = replace(info, frame_times=tuple(Fraction(*pair) for pair in pairs))
    return info


def decisions(path: str | PathLike[str], sound_track: int | None = None) -> tuple[Decision, ...]:
    """What is decided where the file leaves room for it, by its first picture and its tracks; see docs/media.md.

    Raises `UserError` where `probe` does.
    """
    return tuple(Decision(**head) for head, _ in asked("decisions", path, sound_track=sound_track))


def first_shown_s(path: str | PathLike[str]) -> float:
    """When a player's clock shows the first picture, in seconds: above 0 where the sound begins earlier.

    All other times here count from that picture. Raises `UserError` where `probe` does.
    """
    [(head, _)] = asked("first_shown", path)
    return float(head["time_s"])


def analysed_frames(info: VideoInfo, rate_hz: float) -> Iterator[tuple[int, float]]:
    """Number (from 1) and time (s) of the frames that `sample_frames` takes, by the container alone."""
    placed = (Placed(number, time) for number, time in enumerate(info.times(), start=1))
    for taken, _, _ in nearest(placed, [Fraction(str(rate_hz))]):
        yield taken.number, float(taken.time)


def sample_frames(
    path: str | PathLike[str], rate_hz: float, threads: int = 1, also_hz: float | None = None
) -> Iterator[SampledFrame]:
    """Yield for each time j / `rate_hz` the frame nearest in presentation time, as a player shows it, in one pass.

    With `also_hz` those that are nearest to the times of this rate come as well; `taken` says which of the two rates a
    frame is of.

    Of two frames equally near, the earlier is taken; no frame comes twice, so that a rate above the video's gives every
    frame. The last time is the last that a following frame would not have taken. A frame without a usable timestamp
    (none, or not after the frame before) is placed one frame interval after the frame before; where the stamps begin
    again, all that follow are moved. Memory holds two frames and what the decoder keeps; frames that are not taken are
    never converted.

    A file that is cut off where its container does not notice is a shorter video. Where reading or decoding fails, or
    ends more than a second before the container's index does, or ends the decoder's process, the frames before come
    first, and then a `BrokenVideoError` names the place: a video is not silently taken for half of itself.
    """
    yield from _frames("sample", path, rates_hz=[rate_hz, *([also_hz] if also_hz else [])], threads=threads)


def frames_at(path: str | PathLike[str], times_s: Sequence[float], threads: int = 1) -> Iterator[SampledFrame]:
    """Yield for each of the rising `times_s` the frame that begins nearest to it, as a player shows it, in one pass.

    Of two frames equally near, the earlier is taken; times after the last frame have that one. Raises what
    `sample_frames` raises.
    """
    yield from _frames("at", path, times_s=list(times_s), threads=threads)


def _frames(do: str, path: str | PathLike[str], **request: Any) -> Iterator[SampledFrame]:
    number, time_s = 0, 0.0
    try:
        for head, pixels in asked(do, path, **request):
            with understood(path):
                taken = tuple(head["taken"]) if "taken" in head else (True,)
                bgr = np.frombuffer(pixels, np.uint8).reshape(head["shape"])
                number, time_s = head["number"], head["time_s"]
            yield SampledFrame(number, time_s, bgr, taken)
    except DecoderDiedError as error:
        raise broken(path, number, time_s, error.reason) from error
