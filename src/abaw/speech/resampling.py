"""Sample rates changed by soxr, block by block: what comes out is what the whole would give."""

from collections.abc import Iterable, Iterator
from math import ceil

import numpy as np
import soxr
from numpy.typing import NDArray

from abaw.media.sound import MIXTURE_RATE_HZ
from abaw.speech.audio import Stereo


def to_mono(blocks: Iterable[Stereo], rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """The mean of both channels, resampled to `rate_hz`, in blocks (n,)."""
    return resampled((block.mean(axis=0) for block in blocks), MIXTURE_RATE_HZ, rate_hz)


def resampled(blocks: Iterable[NDArray[np.float32]], from_hz: int, to_hz: int) -> Iterator[NDArray[np.float32]]:
    """A mono sound in blocks (n,) of any lengths at another rate; sample 0 stays where it is.

    There come n * to_hz / from_hz samples, rounded up.
    """
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
    taken = made = 0
    for block in blocks:
        piece = stream.resample_chunk(np.ascontiguousarray(block, np.float32))
        taken, made = taken + len(block), made + len(piece)
        yield piece
    silence = np.zeros(ceil(from_hz / to_hz), np.float32)  # soxr rounds down, and drops a part of a sample at the end
    yield stream.resample_chunk(silence, last=True)[: ceil(taken * to_hz / from_hz) - made]
