"""Decoding a video's frames near given times (paper §3.2.2): what runs in the decoder's process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from os import PathLike

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from abaw.media.container import NOT_THE_FILE, LeftOutError, frames, opened_film, too_large
from abaw.media.decoding import decode_wanted
from abaw.media.info import SampledFrame, broken
from abaw.media.inspection import complete_index
from abaw.media.nearest import nearest
from abaw.media.picture import Around, Pictures
from abaw.media.timing import Clock, frame_rate, lead, stamp_of
from abaw.running.errors import UserError

Path = str | PathLike[str]
FULL_HD_PX = 1920 * 1088


@dataclass(frozen=True, eq=False)
class _Timed:
    number: int
    time: Fraction
    frame: VideoFrame | None
    """None where it was left out."""
    before: VideoFrame | None = None


def sampled(path: Path, rates_hz: Sequence[float], threads: int) -> Iterator[SampledFrame]:
    """The frames of `abaw.media.video.sample_frames`."""
    rates, last = [Fraction(str(rate_hz)) for rate_hz in rates_hz], 0
    try:
        for taken in _sampled(path, rates, threads, leave_out=True):
            yield taken
            last = taken.number
    except LeftOutError:
        yield from (taken for taken in _sampled(path, rates, threads, leave_out=False) if taken.number > last)


def _sampled(path: Path, rates: Sequence[Fraction], threads: int, leave_out: bool) -> Iterator[SampledFrame]:
    """The frames of `sampled`. To leave out others is right where frames follow each other at one rate.

    Raises `LeftOutError` where they do not, and one is missing that should have been decoded.
    """
    with opened_film(path) as (container, stream):
        pictures = _prepared(stream, threads)
        for item, after, taken in nearest(_timed(path, container, stream, rates if leave_out else ()), rates):
            yield replace(_shown(path, item, after, pictures), taken=taken)


def at_times(path: Path, times_s: Sequence[float], threads: int) -> Iterator[SampledFrame]:
    """The frames of `abaw.media.video.frames_at`."""
    with opened_film(path) as (container, stream):
        pictures = _prepared(stream, threads)
        wanted = iter(times_s)
        time_s = next(wanted, None)
        before: _Timed | None = None
        for after in _timed(path, container, stream):
            while before is not None and time_s is not None and time_s <= float(before.time + after.time) / 2:
                yield _shown(path, before, after, pictures)
                time_s = next(wanted, None)
            if time_s is None:
                return
            before = after
        while before is not None and time_s is not None:
            yield _shown(path, before, None, pictures)
            time_s = next(wanted, None)


def decoding_threads(width_px: int, height_px: int, threads: int) -> int:
    """How many of the threads decode pictures of this size: up to full HD one is left to who looks at them.

    Threads of a decoder wait for each other: on two busy cores two of them took a tenth more of the processor than one.
    """
    return threads if width_px * height_px > FULL_HD_PX else max(1, threads - 1)


def _prepared(stream: VideoStream, threads: int) -> Pictures:
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = decoding_threads(stream.width, stream.height, threads)
    return Pictures(stream.sample_aspect_ratio)


def _shown(path: Path, taken: _Timed, after: _Timed | None, pictures: Pictures) -> SampledFrame:
    """The frame as a player shows it. Raises `LeftOutError` for one that was not decoded."""
    if taken.frame is None:
        raise LeftOutError
    around = Around(taken.frame, taken.before, after.frame if after else None)
    with _reading(path, taken.number - 1, taken.time):
        return SampledFrame(taken.number, float(taken.time), pictures.bgr(around))


def _timed(
    path: Path, container: InputContainer, stream: VideoStream, rates: Sequence[Fraction] = ()
) -> Iterator[_Timed]:
    """Number the frames and give each an exact time after the one before; the first is at 0.

    With `rates` those that cannot be the nearest to a time j / rate may be left out, if the frame rate is constant.
    """
    interval = 1 / frame_rate(path, stream)
    promised = sum(1 for entry in stream.index_entries if entry.size and not entry.is_discard)
    is_complete = True
    with suppress(UserError):  # one that is cut off is read up to there
        is_complete = complete_index(path, container, stream) is not None
    number, time, clock = 0, Fraction(0), Clock(interval)
    before: VideoFrame | None = None
    items = decode_wanted(container, stream, _near(stream, interval, rates)) if rates else frames(container, stream)
    while not is_complete or number < promised:
        with _reading(path, number, time):
            item = next(items, None)
        if item is None:
            break
        number, stamp = number + 1, stamp_of(item, container, stream.time_base)
        if number == 2 and stamp is not None and clock.starts:
            clock.move(lead(container, [round(at / interval) for at in (*clock.starts, stamp)], interval) * interval)
        time = clock.place(stamp)
        frame = item if isinstance(item, VideoFrame) else None
        yield _Timed(number, time, frame, before)
        before = frame
    if (promised - number) * interval > 1:
        raise broken(path, number, time, f"its index lists {promised} frames")


def _near(stream: VideoStream, interval: Fraction, rates: Sequence[Fraction]) -> Callable[[int], bool]:
    """Whether a time, in ticks of the stream, lies within 3/4 of a frame interval from one of j / rate.

    The first that is asked for is 0. The nearest frame lies within a half; the rest is for a container's rounding.
    """
    tick = stream.time_base or interval
    # In whole numbers: of the steps of j / rate into which a tick goes a whole number of times.
    steps = [(tick * rate, interval * rate * 3 / 4) for rate in rates]
    spans = [(step.numerator, step.denominator, floor(margin * step.denominator)) for step, margin in steps]
    start: list[int] = []

    def near(ticks: int) -> bool:
        if not start:
            start.append(ticks)
        passed = ticks - start[0]
        return any(min(rest := passed * step % whole, whole - rest) <= margin for step, whole, margin in spans)

    return near


@contextmanager
def _reading(path: Path, number: int, time: Fraction) -> Iterator[None]:
    """Whatever the wrapper raises after a frame becomes a `BrokenVideoError`; its own mistakes too."""
    try:
        yield
    except NOT_THE_FILE:
        raise
    except MemoryError as error:
        raise UserError(too_large(path)) from error
    except Exception as error:
        reason = getattr(error, "strerror", None) or f"it cannot be decoded ({type(error).__name__}: {error})"
        raise broken(path, number, time, reason) from error
