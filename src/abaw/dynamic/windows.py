"""How windows over a sequence of frames are cut, and the memory that a network over time takes; without torch."""

import math

from abaw.config import OverTimeConfig

_KEPT_A_TOKEN, _KEPT_A_PAIR = 6400, 3
"""Floats that a layer keeps for its gradient, for each token of 256 values, and for each pair of tokens and head.

Measured on a step of training: 8 windows of 400 frames took 668 MB in three layers, of two modalities 1,474 MB in two.
"""


def frames_of_window(window_s: float, rate_hz: float, every_nth: int) -> int:
    """The frames of a window of so many seconds, two at least, of which it has every n-th of `rate_hz` a second."""
    return max(2, round(window_s * rate_hz / every_nth))


def window_step(window: int, overlap: float) -> int:
    """By how many frames windows step that share `overlap` of theirs with the next one, one at least."""
    return max(1, math.floor(window * (1 - overlap) + 1e-9))


def window_starts(n_frames: int, window: int, step: int) -> list[int]:
    """First frames (counted from 0) of windows that cover a sequence; the last one ends with it where it can.

    A sequence shorter than a window has one window, which the caller pads.
    """
    if n_frames <= window:
        return [0]
    starts = list(range(0, n_frames - window + 1, step))
    if starts[-1] + window < n_frames:
        starts.append(n_frames - window)
    return starts


def step_mb(
    settings: OverTimeConfig, window_s: float, rate_hz: float, n_sequences: int = 1, learning: bool = True
) -> int:
    """Memory of a step over windows in which so many sequences stand side by side: what its layers keep, on a CPU.

    It grows with the square of a window. Where nothing is learned one layer's is kept at a time.
    """
    tokens = n_sequences * frames_of_window(window_s, rate_hz, settings.every_nth)
    floats = tokens * (_KEPT_A_TOKEN + _KEPT_A_PAIR * settings.heads * tokens)
    return settings.training.batch_size * (settings.layers if learning else 1) * floats * 4 // 10**6
