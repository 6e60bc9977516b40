"""Sounds for tests and benchmarks of the separator, and how close an estimate is."""

import numpy as np
from numpy.typing import NDArray

from abaw.config import DemoConfig
from abaw.demo.plan import plan_corpus
from abaw.demo.voice import RATE_HZ, perform
from abaw.media.sound import MIXTURE_RATE_HZ
from abaw.speech.resampling import resampled


def si_sdr_db(estimate: NDArray, clean: NDArray) -> float:
    """Scale-invariant signal-to-distortion ratio of two mono sounds (Le Roux et al. 2019)."""
    target = (estimate @ clean) / (clean @ clean) * clean
    return 10 * np.log10((target @ target) / ((estimate - target) @ (estimate - target)))


def music(length: int) -> NDArray:
    """Chords with overtones and a beat."""
    seconds = np.arange(length) / MIXTURE_RATE_HZ
    sound = np.zeros(length)
    for number in range(int(seconds[-1] / 0.5) + 1):
        there = (seconds >= number * 0.5) & (seconds < number * 0.5 + 0.5)
        at = seconds[there] - number * 0.5
        for note in (0, 4, 7):
            pitch = 220 * 2 ** ((note + (0, 5, 7, 3)[number % 4]) / 12)
            sound[there] += sum(np.sin(2 * np.pi * pitch * k * at) / k for k in range(1, 5)) * np.exp(-3 * at)
    return sound


def spoken() -> NDArray:
    """Some twelve seconds of espeak-ng's speech, mono at 44.1 kHz."""
    speech = perform(plan_corpus(DemoConfig(tracks=10, max_duration_s=5.0, seed=3)))
    runs = [(heard.sound, *run) for heard in speech.values() for run in heard.runs_s]
    said = [sound[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] for sound, start_s, end_s in runs]
    return np.concatenate(list(resampled([np.concatenate(said)], RATE_HZ, MIXTURE_RATE_HZ)))[: 12 * MIXTURE_RATE_HZ]
