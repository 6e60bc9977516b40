"""The analysed frames of a video with their faces, decoded ahead of their use."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import inf
from os import PathLike
from typing import TypeVar

from abaw.faces.asking import Look, ask, looks
from abaw.faces.detection import Detector
from abaw.media.video import SampledFrame, sample_frames
from abaw.running.errors import BrokenVideoError

AHEAD = 8
"""Frames that are decoded before they are needed, beside a batch: more than come between two that the detector sees."""

Item = TypeVar("Item")


Span = tuple[float, float]
"""From when to when a video is analysed, in seconds; the end is not in it."""
WHOLE: Span = (0.0, inf)


def detected_frames(
    path: str | PathLike[str],
    rate_hz: float,
    detector: Detector,
    threads: int,
    span_s: Span = WHOLE,
    every_s: float | None = None,
    mouths_hz: float | None = None,
) -> Iterator[Look]:
    """Yield the frames nearest to the times j / `rate_hz` with their faces, best first.

    Only those in `span_s` are looked at; the video is decoded from its beginning all the same, so that no frame has
    another number or time. While the faces hold, the detector is asked every `every_s` (`abaw.faces.asking`). With
    `mouths_hz` each comes with the frames after it that are nearest to the times of this rate.

    The video is decoded while faces are sought, by `threads` threads of a process of its own. Memory holds a batch,
    `AHEAD` frames and what the decoder keeps; of those in between as many as come in `every_s`.

    Raises `UserError` for a video that cannot be read; of one that breaks, what comes before the break comes first.
    """
    frames = ahead(_within(sample_frames(path, rate_hz, threads, mouths_hz), span_s), detector.batch + AHEAD)
    broken: list[BrokenVideoError] = []
    yield from ask(looks(_until_break(frames, broken)), detector, every_s)
    if broken:
        raise broken[0]


def _within(frames: Iterable[SampledFrame], span_s: Span) -> Iterator[SampledFrame]:
    for frame in frames:
        if frame.time_s >= span_s[1]:
            return
        if frame.time_s >= span_s[0]:
            yield frame


def _until_break(frames: Iterable[SampledFrame], broken: list[BrokenVideoError]) -> Iterator[SampledFrame]:
    """The frames before a break, which is put into `broken`."""
    try:
        yield from frames
    except BrokenVideoError as error:
        broken.append(error)


def ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """Yield the items, which a thread makes up to `count` before they are asked for; its errors are raised here."""
    source, end = iter(items), object()
    pool = ThreadPoolExecutor(1)
    try:
        waiting = deque(pool.submit(next, source, end) for _ in range(count))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, source, end))
            yield item  # type: ignore[misc]
    finally:
        pool.shutdown(cancel_futures=True)
