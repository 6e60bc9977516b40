"""What is known of a video and of a frame of it, wherever it was read."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike

import numpy as np

from abaw.running.errors import BrokenVideoError


@dataclass(frozen=True)
class VideoInfo:
    """What the container says: nothing here is decoded.

    `fps` is exact; `n_frames` counts the stored frames, of which a decoder may give a few less; `duration_s` is that of
    the video stream, or n_frames / fps where the container only estimates it, or up to a frame interval after the last
    frame where the rate is variable; width and height are as stored, before any rotation. `frame_times` are the exact
    times of the frames since the first, in seconds, where the frame rate is variable: some frame lies more than half a
    frame interval from (k - 1) / fps. They are None where it is constant. `is_mended` says that time stamps lack or
    begin again, and that all are on one timeline here.
    """

    fps: Fraction
    n_frames: int
    duration_s: float
    has_audio: bool
    width_px: int
    height_px: int
    frame_times: tuple[Fraction, ...] | None = None
    is_mended: bool = False

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
    """A decoded frame: its number (from 1), its time since the first, and the pixels that a player shows.

    They are square, upright and not mirrored, height x width x 3, uint8, BGR. `taken` says of each of the rates that
    were asked for whether the frame is the nearest to one of its times.
    """

    number: int
    time_s: float
    bgr: np.ndarray
    taken: tuple[bool, ...] = (True,)


def broken(path: str | PathLike[str], number: int, time: float | Fraction, reason: str) -> BrokenVideoError:
    """What is said of a video that can be read up to a frame."""
    return BrokenVideoError(
        f"{path} breaks after frame {number} ({float(time):.2f} s): {reason}; copy it again, or repair it by "
        "converting it to MP4"
    )
