"""When frames are shown: rates, time stamps, and one timeline where the stamps lack or begin again."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil
from os import PathLike

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from abaw.running.errors import UserError

RESTART = Fraction(1, 2)
"""Seconds by which time stamps go back where a recording begins again; a damaged one goes back alone, or less."""
_PRIMING = {"mp3": 1105, "mp2": 481, "aac": 1024, "ac3": 256}
"""Samples that encoder and decoder put before the sound: time stamps say so, but AVI has none."""
_FASTEST_HZ = 1000
_ROUNDING = Fraction(1, 2000)
"""How far a mean rate may lie from the nominal one by the container's rounding; 24 and 24000/1001 are 1/1000 apart."""


class Clock:
    """Gives each frame, as they are shown, its time since the first, in seconds.

    `starts` are the container's times at which the parts of a recording would have begun, had each run from the first
    frame on: one, and another for each time that the stamps begin again. Empty while no frame has had a stamp.
    """

    def __init__(self, interval: Fraction) -> None:
        self.starts: list[Fraction] = []
        self._interval = interval
        self._time = Fraction(-interval)

    def place(self, stamp: Fraction | None) -> Fraction:
        """The time of the next frame: by its stamp; a frame interval after the one before where that does not do.

        It does not do where there is none, or it is not after the frame before. Where it lies `RESTART` or more before
        that, this frame follows the one before, and the next ones follow this by their stamps.
        """
        due = self._time + self._interval
        if stamp is not None and not self.starts:
            self.starts.append(stamp - due)
        time = due if stamp is None else stamp - self.starts[-1]
        if time <= self._time:
            if self._time - time >= RESTART and stamp is not None:
                self.starts.append(stamp - due)
            time = due
        self._time = time
        return time

    def move(self, seconds: Fraction) -> None:
        """Take it that the first frame was shown so much later than it says."""
        if self.starts:
            self.starts[-1] += seconds


def frame_rate(path: str | PathLike[str], stream: VideoStream) -> Fraction:
    """The mean rate, which holds over the whole video, or the nominal one where they differ by rounding only."""
    mean, nominal = stream.average_rate, stream.guessed_rate
    if mean and nominal and nominal <= _FASTEST_HZ < mean:  # raw DV gives the rate of its clock for the mean
        mean = nominal
    if mean and nominal and abs(mean - nominal) <= _ROUNDING * nominal:
        return Fraction(nominal)
    rate = mean or nominal
    if not rate:
        raise UserError(f"{path} does not say its frame rate; convert it to MP4")
    return Fraction(rate)


def stamp_of(item: VideoFrame | Packet, container: InputContainer, tick: Fraction | None) -> Fraction | None:
    """The presentation time in seconds, by the container's clock, whose `tick` its stream says."""
    ticks = ticks_of(item, container)
    return None if ticks is None or tick is None else Fraction(ticks * tick)


def ticks_of(item: VideoFrame | Packet, container: InputContainer) -> int | None:
    """The presentation time; AVI has none, but its decoding times rise as steadily."""
    return item.dts if container.format.name == "avi" else item.pts


def priming_s(container: InputContainer, sound: AudioStream) -> Fraction:
    """How much later than it should the sound of an AVI file begins, in seconds; 0 for what has time stamps."""
    codec = sound.codec_context  # None for a codec without a decoder
    if codec is None or container.format.name != "avi" or not codec.sample_rate:
        return Fraction(0)
    return Fraction(_PRIMING.get(codec.codec.canonical_name, 0), codec.sample_rate)


def lead(container: InputContainer, stamps: Sequence[int | Fraction], tick: Fraction) -> int:
    """Empty ticks after the first frame by which ffmpeg's AVI muxer moves the pictures where a sound has priming."""
    if container.format.name != "avi" or len(stamps) < 2:
        return 0
    sound = container.streams.best("audio")
    if not isinstance(sound, AudioStream):
        return 0
    empty = int(stamps[1] - stamps[0] - 1)
    return empty if 0 < empty <= ceil(priming_s(container, sound) / tick) else 0


def is_variable(stamps: Sequence[int | Fraction], frames_per_tick: Fraction) -> bool:
    """Whether a frame lies more than half a frame interval from where a constant rate would put it."""
    places = np.asarray(stamps, np.float64) * float(frames_per_tick)
    return bool((np.abs(places - places[:1] - np.arange(len(places))) > 0.5 + 1e-6).any())


class Stamps:
    """The stamps of a stream's packets, gathered in the order of the file and told in that in which they are shown."""

    def __init__(self, tick: Fraction, in_fields: bool) -> None:
        self.parts: list[list[tuple[int, int]]] = [[]]
        self.leading = 0
        self._restart, self._in_fields = RESTART / tick, in_fields
        self._unstamped: set[int] = set()
        self._count, self._decoded = 0, 0

    def add(self, shown: int | None, decoded: int | None) -> None:
        """A packet with its times, in ticks; one without is the second field of a frame, or follows the one before."""
        order = shown if decoded is None else decoded
        if order is None:
            if not self.parts[0]:
                self.leading += 1
            elif not self._in_fields:
                self._count += 1
                self._unstamped.add(self._count)
                self.parts[-1].append((self.parts[-1][-1][0], self._count))
            return
        if self.parts[-1] and self._decoded - order >= self._restart:
            self.parts.append([])
        self._decoded = order
        if shown is not None:
            self._count += 1
            self.parts[-1].append((shown, self._count))

    def __iter__(self) -> Iterator[int | None]:
        yield from [None] * self.leading
        for part in self.parts:
            for shown, number in sorted(part):
                yield None if number in self._unstamped else shown

    @property
    def are_mended(self) -> bool:
        """Whether they lack somewhere or begin again."""
        return bool(self.leading or self._unstamped or len(self.parts) > 1)
