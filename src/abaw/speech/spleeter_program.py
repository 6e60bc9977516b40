"""Spleeter's own program (Hennequin et al. 2020), in TensorFlow, with Deezer's own weights.

It has an environment of its own (`envs/spleeter.yaml`), of which this module needs NumPy and Spleeter only. The program
downloads weights where it finds none, and after a download that failed it runs on random ones without a word: here the
weights are checked before it is started, and it never downloads.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from abaw.running.errors import UserError

WEIGHTS = {
    "model.data-00000-of-00001": "7747f9fd2c782306dbec1504360fbb645a097a48446f23486c3ff9c89bc11788",
    "model.index": "55661a09f79c86071fc7077b44b4cf1f01b6d82bbbb83ed94cb68a2f9944e378",
    "model.meta": "6e1f6d86a22bb452a58cb20e3de87b416f8a79e626ca223e20f763ab2d21ec95",
    "checkpoint": "011c96b970c1f56137037924fe1a0f0851369b0ee6692e120aea798615326f48",
}
"""The files of Deezer's 2stems model, and their sha256."""
SEGMENT = 512 * 1024
"""Samples of a segment: the program masks every 512 frames, 1024 samples apart, on their own."""
_PADDED = 4096  # samples of silence that the program puts before what it is given

Sound = NDArray[np.float32]
"""float32[samples, 2] at 44.1 kHz."""
Separate = Callable[[Sound], Sound]


class Track(Protocol):
    """What a `soundfile.SoundFile` of two channels can do."""

    frames: int

    def seek(self, frames: int) -> int:
        """Go to a sample."""

    def read(self, frames: int, dtype: str) -> NDArray:
        """Read samples (n, 2)."""


def check_weights(folder: Path) -> None:
    """Raise `UserError` where a file of the model is missing from the folder or is not Deezer's."""
    for name, sha256 in WEIGHTS.items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(f"Spleeter's weights {folder / name} cannot be read: {error}; delete {folder}") from error
        if found != sha256:
            raise UserError(
                f"{folder / name} has the sha256 {found}, expected {sha256}; it is not Deezer's model, delete {folder}"
            )


def load(folder: Path, threads: int) -> Separate:
    """The program on the weights in `folder`, which must be named 2stems; it gives the voice of a sound."""
    check_weights(folder)
    os.environ["MODEL_PATH"] = str(folder.resolve().parent)  # read when Spleeter is imported
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
    (folder / ".probe").touch()  # tells it that nothing is to be downloaded
    try:
        from spleeter.separator import Separator
    except ImportError as error:
        raise UserError(
            f"Spleeter's own program is not installed here ({error}); run with --use-conda, or set speech.engine to "
            "torch"
        ) from error
    separator = Separator("spleeter:2stems", multiprocess=False)
    return lambda sound: separator.separate(sound)["vocals"]


def separate_in_pieces(track: Track, separate: Separate, segments: int = 23) -> Iterator[Sound]:
    """The voice of a track of any length, by pieces of `segments` segments (12 s each): what the whole would give.

    A piece begins two segments early: the first of them hears silence instead of what was before, and of the second
    only the end is missing. It ends with its last segment, of which the last window, shared with the next, is left out.
    """
    length = segments * SEGMENT
    for number in range(max(1, -(-track.frames // length))):
        begin = max(0, number * length - 2 * SEGMENT)
        end = min(track.frames, (number + 1) * length)
        track.seek(begin)
        voice = separate(track.read(end - begin, "float32"))
        first = number * length - _PADDED if number else 0
        last = end if end == track.frames else end - _PADDED
        yield voice[first - begin : last - begin]
