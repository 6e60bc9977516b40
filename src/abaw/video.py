"""Reading videos: what the container says, and the frames nearest to regular analysis times (paper §3.2.2).

Videos are untrusted: only local files in the container formats of `FORMATS` are opened, so that neither a name nor a
playlist inside a file leads to another file or to the network.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from os import PathLike
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from abaw.errors import UserError

FORMATS = ("mov", "matroska", "avi", "flv", "mpeg", "mpegts", "mpegvideo", "asf")
_LOCAL = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}
_ROUNDING = Fraction(1, 2000)
"""How far a mean rate may lie from the nominal one by the container's rounding; 24 and 24000/1001 are 1/1000 apart."""


@dataclass(frozen=True)
class VideoInfo:
    """What the container says: nothing here is decoded.

    `fps` is exact; `n_frames` counts the stored frames, of which a decoder may give a few less; `duration_s` is that of
    the video stream, or n_frames / fps where the container only estimates it; width and height are as stored, before
    any rotation.
    """

    fps: Fraction
    n_frames: int
    duration_s: float
    has_audio: bool
    width_px: int
    height_px: int


@dataclass(frozen=True, eq=False)
class SampledFrame:
    """A decoded frame: its number (from 1), its time since the first frame, and its pixels (height x width x 3)."""

    number: int
    time_s: float
    bgr: np.ndarray


@dataclass(frozen=True, eq=False)
class _Timed:
    number: int
    time: Fraction
    frame: VideoFrame


def probe(path: str | PathLike[str]) -> VideoInfo:
    """Read what the container says; where it does not count its frames, their packets are counted without decoding.

    Raises `UserError` where the file is missing, no video, or has neither a frame nor a frame rate, and where its index
    points beyond its end.
    """
    with _opened(path) as (container, stream):
        _refuse_truncated(path, stream)
        fps = _frame_rate(path, stream)
        n_frames = stream.frames or sum(packet.size > 0 for packet in container.demux(stream))
        if not n_frames:
            raise UserError(f"{path} has a video stream without a frame; copy the file again")
        ticks, tick = stream.duration if stream.frames else None, stream.time_base
        return VideoInfo(
            fps=fps,
            n_frames=n_frames,
            duration_s=float(ticks * tick if ticks and tick else n_frames / fps),
            has_audio=bool(container.streams.audio),
            width_px=stream.codec_context.width,
            height_px=stream.codec_context.height,
        )


def sample_frames(path: str | PathLike[str], rate_hz: float, threads: int = 1) -> Iterator[SampledFrame]:
    """Yield for each time j / `rate_hz` the frame nearest in presentation time, turned upright, in one pass.

    Of two frames equally near, the earlier is taken; no frame comes twice, so that a rate above the video's gives every
    frame. The last time is the last that a following frame would not have taken. A frame without a usable timestamp
    (none, or not after the frame before) is placed one frame interval after the frame before. Memory holds two frames
    and what the decoder keeps; frames that are not taken are never converted.

    A file that is cut off where its container does not notice is a shorter video. Where reading or decoding fails, the
    frames before come first, and then a `UserError` names the place: a video is not silently taken for half of itself.
    """
    with _opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        for taken in _nearest(_timed(path, container, stream), Fraction(str(rate_hz))):
            yield SampledFrame(taken.number, float(taken.time), _upright(taken.frame))


@contextmanager
def _opened(path: str | PathLike[str]) -> Iterator[tuple[InputContainer, VideoStream]]:
    local = Path(path).absolute()
    if not local.is_file():
        raise UserError(f"there is no video file {path}; check the folder of the videos and the name")
    try:
        with av.open(f"file:{local}", options=_LOCAL) as container:
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream):
                raise UserError(f"{path} has no video stream; give a file with one")
            yield container, stream
    except av.FFmpegError as error:
        raise UserError(
            f"{path} ({local.stat().st_size} bytes) cannot be read as a video ({error.strerror}); copy it again, or "
            f"convert it to MP4 (readable are {', '.join(FORMATS)})"
        ) from error


def _refuse_truncated(path: str | PathLike[str], stream: VideoStream) -> None:
    """A container whose index comes first, as in videos from the web, opens well when its end is missing."""
    entries, size = stream.index_entries, Path(path).stat().st_size
    if len(entries) and entries[-1].pos + entries[-1].size > size:
        raise UserError(f"{path} ends after {size} bytes, before its last frame; the file is cut off, copy it again")


def _frame_rate(path: str | PathLike[str], stream: VideoStream) -> Fraction:
    """The mean rate, which holds over the whole video, or the nominal one where they differ by rounding only."""
    mean, nominal = stream.average_rate, stream.guessed_rate
    if mean and nominal and abs(mean - nominal) <= _ROUNDING * nominal:
        return Fraction(nominal)
    rate = mean or nominal
    if not rate:
        raise UserError(f"{path} does not say its frame rate; convert it to MP4")
    return Fraction(rate)


def _timed(path: str | PathLike[str], container: InputContainer, stream: VideoStream) -> Iterator[_Timed]:
    """Number the decoded frames and give each an exact time after the one before; the first is at 0."""
    interval = 1 / _frame_rate(path, stream)
    number, start, time = 0, Fraction(0), Fraction(0)
    try:
        for number, frame in enumerate(container.decode(stream), start=1):
            stamp = _stamp(frame, container.format.name)
            if number == 1:
                start = stamp or start
            else:
                time = stamp - start if stamp is not None and stamp - start > time else time + interval
            yield _Timed(number, time, frame)
    except av.FFmpegError as error:
        raise UserError(
            f"{path} breaks after frame {number} ({float(time):.2f} s): {error.strerror}; copy it again, or repair it "
            "by converting it to MP4"
        ) from error


def _stamp(frame: VideoFrame, container_format: str) -> Fraction | None:
    """The presentation time; AVI has none, but its decoding times rise as steadily."""
    ticks = frame.dts if container_format == "avi" else frame.pts
    return None if ticks is None or frame.time_base is None else Fraction(ticks * frame.time_base)


def _nearest(frames: Iterable[_Timed], rate: Fraction) -> Iterator[_Timed]:
    """Take the frames that are nearest to the times j / `rate`; only the frame before is kept."""
    index, gap = 0, Fraction(0)
    before: _Timed | None = None
    for frame in frames:
        if before is not None:
            gap = frame.time - before.time
            last_index = floor((before.time + gap / 2) * rate)
            if index <= last_index:
                yield before
                index = last_index + 1
        before = frame
    if before is not None and index <= floor((before.time + gap / 2) * rate):
        yield before


def _upright(frame: VideoFrame) -> np.ndarray:
    """The frame's pixels as a player shows them: a phone's rotation flag counts degrees against the clock."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="bgr24"), frame.rotation // 90))
