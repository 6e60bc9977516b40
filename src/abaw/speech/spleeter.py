"""Spleeter's 2stems model: the voice of a recording, without what sounds behind it (paper §3.2.1).

Its two networks come as ONNX from `abaw.speech.spleeter_network`. Spleeter masks segments of 512 STFT frames each on
its own, so a recording that is fed segment by segment comes out as if it had been processed whole, in bounded memory.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abaw.running.onnx import start_session
from abaw.speech.audio import Stereo

WINDOW, HOP, BINS, SEGMENT = 4096, 1024, 1024, 512
"""Samples of a Hann window and between two, bins that have a mask (the others are silent), frames of a segment."""
STEMS = ("voice", "accompaniment")

_GAIN = 1.5  # what the squares of a periodic Hann window add up to at a hop of a quarter of it
_OVERLAP = WINDOW - HOP
_HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)

Stem = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A stem's estimate of magnitudes, float32[1, 2, SEGMENT, BINS], of the same shape."""


def load_stems(paths: Iterable[Path], threads: int) -> tuple[Stem, ...]:
    """The networks of STEMS out of their ONNX files, in this order, on `threads` threads.

    Raises `UserError` where a file is no ONNX network.
    """

    def load(path: Path) -> Stem:
        session = start_session(path, threads, "cpu")
        return lambda magnitudes: session.run(["estimate"], {"magnitudes": magnitudes})[0]

    return tuple(load(path) for path in paths)


def separate(blocks: Iterable[Stereo], stems: tuple[Stem, ...]) -> Iterator[Stereo]:
    """The voice in a recording that comes in blocks of any lengths; what is yielded has the recording's length.

    As in Spleeter, a window of silence goes before and after the recording, and its end is filled up to a segment. In a
    segment of silence there is silence, without a network's being asked.
    """
    carried = np.zeros((2, _OVERLAP), np.float32)
    skipped = WINDOW  # samples of silence that were put before the recording and are still to be dropped
    for padded, frames, length in _segments(blocks):
        if padded.any():
            whole = _voice(padded, frames, stems)
        else:
            whole = np.zeros((2, (frames - 1) * HOP + WINDOW), np.float32)
        whole[:, :_OVERLAP] += carried
        carried = whole[:, -_OVERLAP:]
        yield whole[:, min(skipped, length) : length]
        skipped -= min(skipped, length)


def _voice(padded: Stereo, frames: int, stems: tuple[Stem, ...]) -> Stereo:
    """The voice in one segment (2, samples), the overlap with the next included."""
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1)[:, : (frames - 1) * HOP + 1 : HOP]
    voice = np.fft.irfft(_masked(np.fft.rfft(pieces * _HANN).astype(np.complex64, copy=False), stems), n=WINDOW) * (
        _HANN / np.float32(_GAIN)
    )
    whole = np.zeros((2, frames + WINDOW // HOP - 1, HOP), np.float32)
    for part in range(WINDOW // HOP):
        whole[:, part : part + frames] += voice[..., part * HOP : (part + 1) * HOP]
    return whole.reshape(2, -1)


def _segments(blocks: Iterable[Stereo]) -> Iterator[tuple[Stereo, int, int]]:
    """Samples of each segment, overlap with the next one included; its frames; how many of its samples are due."""
    full = SEGMENT * HOP + _OVERLAP
    held = np.zeros((2, WINDOW), np.float32)
    for block in blocks:
        held = np.concatenate([held, block], axis=1)
        while held.shape[1] >= full + WINDOW:  # a window more than needed: then this is surely not the last one
            yield held[:, :full].copy(), SEGMENT, SEGMENT * HOP
            held = held[:, SEGMENT * HOP :]
    end = held.shape[1]
    held = np.concatenate([held, np.zeros((2, WINDOW), np.float32)], axis=1)
    while end > 0:
        frames = min(SEGMENT, 1 + (held.shape[1] - WINDOW) // HOP)
        yield held[:, : (frames - 1) * HOP + WINDOW].copy(), frames, min(end, frames * HOP)
        held, end = held[:, frames * HOP :], end - frames * HOP


def _masked(spectra: NDArray[np.complex64], stems: tuple[Stem, ...]) -> NDArray[np.complex64]:
    """Spectra (2, frames, 2049) with the voice's share of each bin's power kept."""
    frames = spectra.shape[1]
    magnitudes = np.zeros((1, 2, SEGMENT, BINS), np.float32)
    magnitudes[0, :, :frames] = np.abs(spectra[..., :BINS])
    voice, rest = (np.square(stem(magnitudes)[0, :, :frames]) for stem in stems)
    masked = np.zeros_like(spectra)
    masked[..., :BINS] = (voice + 0.5e-10) / (voice + rest + 1e-10) * spectra[..., :BINS]
    return masked
