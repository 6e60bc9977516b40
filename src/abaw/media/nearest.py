"""Which frames are the nearest to regular times (paper §3.2.2). It loads no decoder."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import floor
from typing import NamedTuple, Protocol, TypeVar


class Timed(Protocol):
    """What has a time since the first frame, in seconds."""

    @property
    def time(self) -> Fraction:
        """The time."""


class Placed(NamedTuple):
    """A frame's number (from 1) and its time since the first."""

    number: int
    time: Fraction


Frame = TypeVar("Frame", bound=Timed)


def nearest(
    items: Iterable[Frame], rates: Sequence[Fraction]
) -> Iterator[tuple[Frame, Frame | None, tuple[bool, ...]]]:
    """Take the frames that are nearest to the times j / rate of any of the `rates`; one before is kept.

    Each comes with the one after it, and with which of the rates take it.
    """
    indices, gap = [0] * len(rates), Fraction(0)
    before: Frame | None = None
    for frame in items:
        if before is not None:
            gap = frame.time - before.time
            taken = _passed(indices, before.time + gap / 2, rates)
            if any(taken):
                yield before, frame, taken
        before = frame
    if before is not None and any(taken := _passed(indices, before.time + gap / 2, rates)):
        yield before, None, taken


def _passed(indices: list[int], until: Fraction, rates: Sequence[Fraction]) -> tuple[bool, ...]:
    """Which rates have their next time, of the number in `indices`, up to a time; the numbers are moved beyond it."""
    last = [floor(until * rate) for rate in rates]
    taken = tuple(index <= reached for index, reached in zip(indices, last, strict=True))
    indices[:] = [max(index, reached + 1) for index, reached in zip(indices, last, strict=True)]
    return taken
