"""Audio tracks as files and in pieces: as long as the video, written and read as FLAC."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from abaw.media.sound import MIXTURE_RATE_HZ
from abaw.running.files import whole_file

Stereo = NDArray[np.float32]
"""float32[2, samples] in [-1, 1] at MIXTURE_RATE_HZ."""

_BLOCK = 1 << 19


def as_long_as(blocks: Iterable[NDArray[np.int16]], duration_s: float | Fraction) -> Iterator[NDArray[np.int16]]:
    """The blocks (n, 2) at MIXTURE_RATE_HZ, cut off at a duration, or with silence up to it."""
    left = round(duration_s * MIXTURE_RATE_HZ)
    for block in blocks:
        yield block[:left]
        left -= len(block[:left])
        if not left:
            return
    while left:
        silent = min(left, _BLOCK)
        yield np.zeros((silent, 2), dtype=np.int16)
        left -= silent


def write_flac(
    blocks: Iterable[NDArray[np.generic]], rate_hz: int, channels: int, path: Path, comment: str = ""
) -> int:
    """Write blocks (n,) or (n, channels) as FLAC of 16 bits, whole or not at all; the number of samples.

    Floats beyond [-1, 1] are clipped. The comment, by what a track was made, comes back with `made_by`.
    """
    length = 0
    with (
        whole_file(path) as beside,
        soundfile.SoundFile(beside, "w", rate_hz, channels, format="FLAC", subtype="PCM_16") as output,
    ):
        if comment:
            output.comment = comment
        for block in blocks:
            output.write(block)
            length += len(block)
    return length


def made_by(path: Path) -> str:
    """The comment that `write_flac` was given."""
    with soundfile.SoundFile(path) as track:
        return track.comment


def read_flac(path: Path) -> NDArray[np.int16]:
    """Read a mono track whole."""
    return soundfile.read(path, dtype="int16")[0]


class Track:
    """A mono track in a file as if it were an array int16[n]: slices are read as they are asked for."""

    def __init__(self, path: Path) -> None:
        self._file = soundfile.SoundFile(path)

    def __len__(self) -> int:
        return int(self._file.frames)

    def __getitem__(self, span: slice) -> NDArray[np.int16]:
        first, after, _ = span.indices(len(self))
        self._file.seek(first)
        return self._file.read(max(0, after - first), dtype="int16")


def as_stereo(blocks: Iterable[NDArray[np.int16]]) -> Iterator[Stereo]:
    """Blocks (n, 2) of 16 bits as `read_blocks` gives them."""
    return (block.T.astype(np.float32) / np.float32(32768) for block in blocks)


def read_blocks(path: Path) -> Iterator[Stereo]:
    """Read a track in blocks (channels, n)."""
    with soundfile.SoundFile(path) as track:
        for block in track.blocks(blocksize=_BLOCK, dtype="float32", always_2d=True):
            yield block.T
