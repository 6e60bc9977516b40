"""When anyone speaks, by the sound: silero-vad, whose weights its package carries; an ablation beside the mouth."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from silero_vad import VADIterator, load_silero_vad

from abaw.speech.gate import Runs

SAMPLE_RATE_HZ = 16_000
CHUNK = 512
"""Samples that the model hears at a time."""


def heard_runs(blocks: Iterable[NDArray[np.float32]]) -> Runs:
    """Runs (start_s, end_s) of speech in a 16 kHz sound that comes in blocks (n,), with silero-vad's own settings.

    Memory does not grow with the sound. A run that is not over at the end ends with the last whole chunk.
    """
    listen = VADIterator(load_silero_vad(onnx=True), sampling_rate=SAMPLE_RATE_HZ)
    runs: Runs = []
    start, length = None, 0
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        whole = len(held) - len(held) % CHUNK
        for chunk in torch.from_numpy(held[:whole].reshape(-1, CHUNK)):
            length += CHUNK
            for kind, sample in (listen(chunk) or {}).items():
                if kind == "start":
                    start = sample
                elif start is not None:
                    runs.append((start / SAMPLE_RATE_HZ, sample / SAMPLE_RATE_HZ))
                    start = None
        held = held[whole:]
    if start is not None:
        runs.append((start / SAMPLE_RATE_HZ, length / SAMPLE_RATE_HZ))
    return runs
