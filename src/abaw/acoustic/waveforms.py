"""Windows as samples: cut from a track, normalised or only scaled."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from abaw.speech.audio import Track

SAMPLE_RATE_HZ = 16_000
_FULL_SCALE = 32768
Sound = NDArray[np.int16] | Track
"""A 16 kHz track."""


def cut(track: Sound, start_s: float, window_s: float) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """One window of a 16 kHz track: samples (n_samples,), zeros beyond the track's end, and which of them are known."""
    length = round(window_s * SAMPLE_RATE_HZ)
    first = round(start_s * SAMPLE_RATE_HZ)
    found = track[first : first + length]
    window = np.zeros(length, dtype=np.int16)
    window[: len(found)] = found
    return window, np.arange(length) < len(found)


def cut_windows(places: Iterable[tuple[Sound, float]], window_s: float) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Windows (n, n_samples) from tracks at their starts (s), and which samples are known: those within the track."""
    windows, known = zip(*(cut(track, start_s, window_s) for track, start_s in places), strict=True)
    return np.stack(windows), np.stack(known)


def scale(waveforms: NDArray[np.int16], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The samples (n, n_samples) on the scale of -1 to 1, zeros where they are not known."""
    return (waveforms / np.float32(_FULL_SCALE) * known).astype(np.float32)


def normalise(waveforms: NDArray[np.integer | np.floating], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Zero mean and unit variance over each window's known samples, zeros elsewhere, as the wav2vec2 processor does.

    `waveforms` and `known` are (n, n_samples); a window without a sound stays zero.
    """
    signal = waveforms.astype(np.float32) / _FULL_SCALE
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = (signal * known).sum(axis=1, keepdims=True) / count
    centred = (signal - mean) * known
    variance = (centred**2).sum(axis=1, keepdims=True) / count
    return (centred / np.sqrt(variance + 1e-7)).astype(np.float32)
