"""Sample rates changed by torchaudio, block by block: what comes out is what the whole would give."""

import abaw.nn  # noqa: F401  (it makes torchaudio importable, so it comes first)

# isort: split

from collections.abc import Iterable, Iterator
from math import ceil, gcd

import numpy as np
import torch
from numpy.typing import NDArray
from torchaudio.functional import resample

from abaw.media.sound import MIXTURE_RATE_HZ
from abaw.speech.audio import Stereo

CROSSINGS, ROLLOFF = 64, 0.9475937167399596
"""Zero crossings of the windowed sinc, and where it cuts, of the lower Nyquist frequency: librosa's kaiser_best."""
_BLOCK_S = 10


def to_mono(blocks: Iterable[Stereo], rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """The mean of both channels, resampled to `rate_hz`, in blocks (n,)."""
    return resampled((block.mean(axis=0) for block in blocks), MIXTURE_RATE_HZ, rate_hz)


def resampled(blocks: Iterable[NDArray[np.float32]], from_hz: int, to_hz: int) -> Iterator[NDArray[np.float32]]:
    """A mono sound in blocks (n,) of any lengths at another rate; sample 0 stays where it is.

    There come n * to_hz / from_hz samples, rounded up. Pieces begin where both rates have a sample, and each is
    resampled with as much of its neighbours as the filter reaches.
    """
    taken, made = from_hz // gcd(from_hz, to_hz), to_hz // gcd(from_hz, to_hz)
    reach = ceil((CROSSINGS / ROLLOFF * max(1, taken / made) + 1) / taken)  # steps of `taken` samples, to each side
    steps = ceil(_BLOCK_S * from_hz / taken)
    held = np.zeros(reach * taken, np.float32)  # before each piece stands what the filter reaches back to
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= (reach + steps + reach) * taken:
            piece = _resampled(held[: (reach + steps + reach) * taken], from_hz, to_hz)
            yield piece[reach * made : (reach + steps) * made]
            held = held[steps * taken :]
    due = ceil((len(held) - reach * taken) * made / taken)
    yield _resampled(held, from_hz, to_hz)[reach * made :][:due]


def _resampled(samples: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    sound = torch.from_numpy(samples)
    return resample(sound, from_hz, to_hz, CROSSINGS, ROLLOFF, "sinc_interp_kaiser").numpy()
