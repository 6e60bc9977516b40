"""Reading videos: what the container says, and the frames nearest to regular analysis times (paper §3.2.2).

Videos are untrusted: only local files in the container formats of `FORMATS` are opened, so that neither a name nor a
playlist inside a file leads to another file or to the network.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from os import PathLike
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from abaw.media.decoding import LeftOutError, decode_wanted
from abaw.running.errors import BrokenVideoError, UserError

FORMATS = ("mov", "matroska", "avi", "flv", "mpeg", "mpegts", "mpegvideo", "asf")
_LOCAL = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}
_PRIMING = {"mp3": 1105, "mp2": 481, "aac": 1024, "ac3": 256}
"""Samples that encoder and decoder put before the sound: time stamps say so, but AVI has none."""
_ROUNDING = Fraction(1, 2000)
"""How far a mean rate may lie from the nominal one by the container's rounding; 24 and 24000/1001 are 1/1000 apart."""


@dataclass(frozen=True)
class VideoInfo:
    """What the container says: nothing here is decoded.

    `fps` is exact; `n_frames` counts the stored frames, of which a decoder may give a few less; `duration_s` is that of
    the video stream, or n_frames / fps where the container only estimates it, or up to a frame interval after the last
    frame where the rate is variable; width and height are as stored, before any rotation. `frame_times` are the exact
    times of the frames since the first, in seconds, where the frame rate is variable: some frame lies more than half a
    frame interval from (k - 1) / fps. They are None where it is constant.
    """

    fps: Fraction
    n_frames: int
    duration_s: float
    has_audio: bool
    width_px: int
    height_px: int
    frame_times: tuple[Fraction, ...] | None = None

    @property
    def is_variable(self) -> bool:
        """Whether the frames do not follow each other at one rate."""
        return self.frame_times is not None

    def times(self) -> Iterator[Fraction]:
        """When each frame begins, since the first, in seconds: (k - 1) / fps where the rate is constant."""
        if self.frame_times is not None:
            return iter(self.frame_times)
        return (index / self.fps for index in range(self.n_frames))


@dataclass(frozen=True, eq=False)
class SampledFrame:
    """A decoded frame: its number (from 1), its time since the first frame, and its pixels (height x width x 3)."""

    number: int
    time_s: float
    bgr: np.ndarray


@dataclass(frozen=True, eq=False)
class _Placed:
    number: int
    time: Fraction


_Frame = TypeVar("_Frame", bound=_Placed)


@dataclass(frozen=True, eq=False)
class _Timed(_Placed):
    frame: VideoFrame | None
    """None where it was left out."""


def probe(path: str | PathLike[str]) -> VideoInfo:
    """Read what the container says. Nothing is decoded, and packets are read only where its index does not do.

    The index does where it lists every frame (MP4, AVI) and they follow each other at one rate. Raises `UserError`
    where the file is missing, no video, cut off so that frames are missing which the container promises, or has neither
    a frame nor a frame rate.
    """
    with _opened(path) as (container, stream):
        fps = _frame_rate(path, stream)
        tick = stream.time_base or 1 / fps
        stamps = _indexed(path, container, stream)
        lead = _lead(container, stamps or [], tick)
        if stamps is None or _is_variable(_moved(stamps, lead), tick * fps):
            stamps = _demuxed(path, container, stream, fps)
            lead = _lead(container, stamps, tick)
        if not stamps:
            raise UserError(f"{path} has a video stream without a frame; copy the file again")
        stamps = _moved(stamps, lead)
        times = None
        if _is_variable(stamps, tick * fps):
            times = tuple(Fraction((stamp - stamps[0]) * tick) for stamp in stamps)
        return VideoInfo(
            fps=fps,
            n_frames=len(stamps),
            duration_s=float(times[-1] + 1 / fps if times else _duration(stream, lead) or len(stamps) / fps),
            has_audio=bool(container.streams.audio),
            width_px=stream.codec_context.width,
            height_px=stream.codec_context.height,
            frame_times=times,
        )


def analysed_frames(info: VideoInfo, rate_hz: float) -> Iterator[tuple[int, float]]:
    """Number (from 1) and time (s) of the frames that `sample_frames` takes, by the container alone."""
    placed = (_Placed(number, time) for number, time in enumerate(info.times(), start=1))
    for taken in _nearest(placed, Fraction(str(rate_hz))):
        yield taken.number, float(taken.time)


def sample_frames(path: str | PathLike[str], rate_hz: float, threads: int = 1) -> Iterator[SampledFrame]:
    """Yield for each time j / `rate_hz` the frame nearest in presentation time, turned upright, in one pass.

    Of two frames equally near, the earlier is taken; no frame comes twice, so that a rate above the video's gives every
    frame. The last time is the last that a following frame would not have taken. A frame without a usable timestamp
    (none, or not after the frame before) is placed one frame interval after the frame before. Memory holds two frames
    and what the decoder keeps; frames that are not taken are never converted.

    A file that is cut off where its container does not notice is a shorter video. Where reading or decoding fails, or
    ends more than a second before the container's index does, the frames before come first, and then a
    `BrokenVideoError` names the place: a video is not silently taken for half of itself.
    """
    rate, last = Fraction(str(rate_hz)), 0
    try:
        for taken in _sampled(path, rate, threads, leave_out=True):
            yield taken
            last = taken.number
    except LeftOutError:
        yield from (taken for taken in _sampled(path, rate, threads, leave_out=False) if taken.number > last)


def _sampled(path: str | PathLike[str], rate: Fraction, threads: int, leave_out: bool) -> Iterator[SampledFrame]:
    """The frames of `sample_frames`. To leave out others is right where frames follow each other at one rate.

    Raises `LeftOutError` where they do not, and one is missing that should have been decoded.
    """
    with _opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        for taken in _nearest(_timed(path, container, stream, rate if leave_out else None), rate):
            yield SampledFrame(taken.number, float(taken.time), _upright(taken.frame))


def frames_at(path: str | PathLike[str], times_s: Sequence[float], threads: int = 1) -> Iterator[SampledFrame]:
    """Yield for each of the rising `times_s` the frame that begins nearest to it, turned upright, in one pass.

    Of two frames equally near, the earlier is taken; times after the last frame have that one. Raises what
    `sample_frames` raises.
    """
    with _opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        wanted = iter(times_s)
        time_s = next(wanted, None)
        before: _Timed | None = None
        for after in _timed(path, container, stream):
            while before is not None and time_s is not None and time_s <= float(before.time + after.time) / 2:
                yield SampledFrame(before.number, float(before.time), _upright(before.frame))
                time_s = next(wanted, None)
            if time_s is None:
                return
            before = after
        while before is not None and time_s is not None:
            yield SampledFrame(before.number, float(before.time), _upright(before.frame))
            time_s = next(wanted, None)


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


def _frame_rate(path: str | PathLike[str], stream: VideoStream) -> Fraction:
    """The mean rate, which holds over the whole video, or the nominal one where they differ by rounding only."""
    mean, nominal = stream.average_rate, stream.guessed_rate
    if mean and nominal and abs(mean - nominal) <= _ROUNDING * nominal:
        return Fraction(nominal)
    rate = mean or nominal
    if not rate:
        raise UserError(f"{path} does not say its frame rate; convert it to MP4")
    return Fraction(rate)


def _duration(stream: VideoStream, lead: int) -> Fraction | None:
    """The stream's own duration in seconds; containers that do not count their frames only estimate it."""
    if not stream.frames or not stream.duration or not stream.time_base:
        return None
    return (stream.duration - lead) * stream.time_base


def priming_s(container: InputContainer) -> Fraction:
    """How much later than it should the sound of an AVI file begins, in seconds; 0 for what has time stamps."""
    stream = container.streams.best("audio")
    known = isinstance(stream, AudioStream) and stream.codec_context  # None for a codec without a decoder
    if not known or container.format.name != "avi" or not known.sample_rate:
        return Fraction(0)
    return Fraction(_PRIMING.get(known.codec.canonical_name, 0), known.sample_rate)


def _lead(container: InputContainer, stamps: Sequence[int], tick: Fraction) -> int:
    """Empty ticks after the first frame by which ffmpeg's AVI muxer moves the pictures where a sound has priming."""
    empty = stamps[1] - stamps[0] - 1 if len(stamps) > 1 else 0
    return empty if 0 < empty <= ceil(priming_s(container) / tick) else 0


def _moved(stamps: Sequence[int], lead: int) -> list[int]:
    return [*stamps[:1], *(stamp - lead for stamp in stamps[1:])]


def _indexed(path: str | PathLike[str], container: InputContainer, stream: VideoStream) -> list[int] | None:
    """The decoding times of all frames, in ticks, by the container's index; None where that is not complete."""
    entries = list(stream.index_entries)
    if not entries or _reach(container, [entry.timestamp for entry in entries]) != stream.frames:
        return None
    listed = [entry for entry in entries if entry.size and not entry.is_discard]
    beyond = sum(entry.pos + entry.size > container.size for entry in listed)
    if beyond:
        raise _cut_off(path, len(listed) - beyond, len(listed))
    return [entry.timestamp for entry in listed]


def _demuxed(path: str | PathLike[str], container: InputContainer, stream: VideoStream, fps: Fraction) -> list[int]:
    """The presentation times of all frames, in ticks, in order, by their packets."""
    kept = (packet for packet in container.demux(stream) if packet.size and not packet.is_discard)
    stamps = sorted(ticks for packet in kept if (ticks := _ticks(packet, container)) is not None)
    reach = _reach(container, stamps)
    if stream.frames - reach > fps:  # a header may miscount by a few, not by a second
        raise _cut_off(path, reach, stream.frames)
    return stamps


def _reach(container: InputContainer, stamps: Sequence[int]) -> int:
    """How many frames the container must promise for these: AVI counts those it leaves out, as a tick each."""
    return stamps[-1] + 1 if stamps and container.format.name == "avi" else len(stamps)


def _cut_off(path: str | PathLike[str], found: int, promised: int) -> UserError:
    return UserError(f"{path} is cut off: it holds {found} of the {promised} frames that it promises; copy it again")


def _is_variable(stamps: Sequence[int], frames_per_tick: Fraction) -> bool:
    """Whether a frame lies more than half a frame interval from where a constant rate would put it."""
    places = np.asarray(stamps, np.float64) * float(frames_per_tick)
    return bool((np.abs(places - places[:1] - np.arange(len(places))) > 0.5 + 1e-6).any())


def _timed(
    path: str | PathLike[str], container: InputContainer, stream: VideoStream, rate: Fraction | None = None
) -> Iterator[_Timed]:
    """Number the frames and give each an exact time after the one before; the first is at 0.

    With `rate` those that cannot be the nearest to a time j / `rate` may be left out, if the frame rate is constant.
    """
    interval = 1 / _frame_rate(path, stream)
    promised = sum(1 for entry in stream.index_entries if entry.size and not entry.is_discard)
    number, start, time = 0, Fraction(0), Fraction(0)
    try:
        items = decode_wanted(container, stream, _near(stream, interval, rate)) if rate else container.decode(stream)
        for number, item in enumerate(items, start=1):
            stamp = _stamp(item, container)
            if number == 1:
                start = stamp or start
            else:
                if number == 2 and stamp is not None:
                    start += _lead(container, [round(start / interval), round(stamp / interval)], interval) * interval
                time = stamp - start if stamp is not None and stamp - start > time else time + interval
            yield _Timed(number, time, item if isinstance(item, VideoFrame) else None)
    except av.FFmpegError as error:
        raise _broken(path, number, time, error.strerror or "it cannot be decoded") from error
    if (promised - number) * interval > 1:
        raise _broken(path, number, time, f"its index lists {promised} frames")


def _near(stream: VideoStream, interval: Fraction, rate: Fraction) -> Callable[[int], bool]:
    """Whether a time, in ticks of the stream, lies within 3/4 of a frame interval from one of j / `rate`.

    The first that is asked for is 0. The nearest frame lies within a half; the rest is for a container's rounding.
    """
    tick, margin = stream.time_base or interval, interval * rate * 3 / 4
    start: list[int] = []

    def near(ticks: int) -> bool:
        if not start:
            start.append(ticks)
        place = (ticks - start[0]) * tick * rate
        return abs(place - round(place)) <= margin

    return near


def _broken(path: str | PathLike[str], number: int, time: Fraction, reason: str) -> BrokenVideoError:
    return BrokenVideoError(
        f"{path} breaks after frame {number} ({float(time):.2f} s): {reason}; copy it again, or repair it by "
        "converting it to MP4"
    )


def _stamp(item: VideoFrame | Packet, container: InputContainer) -> Fraction | None:
    """The presentation time in seconds, by the container's clock."""
    ticks = _ticks(item, container)
    return None if ticks is None or item.time_base is None else Fraction(ticks * item.time_base)


def _ticks(item: VideoFrame | Packet, container: InputContainer) -> int | None:
    """The presentation time; AVI has none, but its decoding times rise as steadily."""
    return item.dts if container.format.name == "avi" else item.pts


def _nearest(frames: Iterable[_Frame], rate: Fraction) -> Iterator[_Frame]:
    """Take the frames that are nearest to the times j / `rate`; only the frame before is kept."""
    index, gap = 0, Fraction(0)
    before: _Frame | None = None
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


def _upright(frame: VideoFrame | None) -> np.ndarray:
    """The frame's pixels as a player shows them: a phone's rotation flag counts degrees against the clock.

    Raises `LeftOutError` for a frame that was not decoded.
    """
    if frame is None:
        raise LeftOutError
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="bgr24"), frame.rotation // 90))
