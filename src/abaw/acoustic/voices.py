"""Windows on tracks: of whole recordings, and of voiced runs with their labels (paper §2.1, §3.2.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ, cut_windows
from abaw.acoustic.windows import window_labels, windows_in_run, windows_over
from abaw.config import AcousticNetworkConfig
from abaw.running.errors import UserError
from abaw.tasks import TaskName

Runs = list[tuple[float, float]]


@dataclass(frozen=True)
class Voice:
    """One sample to learn from: its name, 16 kHz track, voiced runs (s), labels by row, and where the rows meet (s)."""

    sample: str
    track: NDArray[np.int16]
    runs: Runs
    labels: NDArray[np.float64]
    edges_s: NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """Windows as places on the tracks, which are held once: whatever their step, windows cost no memory.

    Of each of n windows: the number of its track in `tracks`, and where it begins (s).
    """

    window_s: int
    tracks: list[NDArray[np.int16]]
    track: NDArray[np.int64]
    start_s: NDArray[np.float64]

    @classmethod
    def over(cls, tracks: Iterable[NDArray[np.int16]], settings: AcousticNetworkConfig) -> "Places":
        """Windows that together cover whole tracks."""
        held = list(tracks)
        starts = [windows_over(len(track) / SAMPLE_RATE_HZ, settings.window_s, settings.step_s) for track in held]
        of_track = np.repeat(np.arange(len(held)), [len(one) for one in starts])
        return Places(settings.window_s, held, of_track, np.array([start_s for one in starts for start_s in one]))

    def __len__(self) -> int:
        return len(self.start_s)

    def batch(self, items: NDArray[np.int64], encoder: SpeechEncoder) -> tuple[Tensor, Tensor]:
        """Waveforms of some windows as `encoder` wants them, and which samples are known; both (n, n_samples)."""
        places = [(self.tracks[self.track[n]], self.start_s[n]) for n in items]
        waveforms, known = cut_windows(places, encoder.window_s)
        return encoder.prepare(waveforms, known), torch.from_numpy(known)


@dataclass(frozen=True)
class VoicedWindows(Places):
    """Labelled windows: of each also its sample, and its labels, (n, 20, 2) or (n, 4).

    Labels are NaN where there are none and beyond the voiced run. The windows stand in the order of samples, runs and
    time.
    """

    samples: NDArray[np.object_]
    labels: NDArray[np.float64]

    @classmethod
    def of(cls, task: TaskName, voices: Iterable[Voice], settings: AcousticNetworkConfig) -> "VoicedWindows":
        """Windows on the voiced runs of some samples; those without any label are left out."""
        tracks, labels, places = [], [], []
        for voice in voices:
            tracks.append(voice.track)
            duration_s = len(voice.track) / SAMPLE_RATE_HZ
            for run in voice.runs:
                for start_s in windows_in_run(*run, settings.window_s, settings.step_s, duration_s):
                    found = window_labels(task, voice.labels, voice.edges_s, start_s, run, settings.window_s)
                    if not np.isnan(found).all():
                        labels.append(found)
                        places.append((len(tracks) - 1, start_s, voice.sample))
        if not places:
            raise UserError(f"no voiced window of {task} has a label; speech.gate may be too strict for this corpus")
        track, starts_s, samples = zip(*places, strict=True)
        return cls(
            settings.window_s,
            tracks,
            np.array(track),
            np.array(starts_s, np.float64),
            np.array(samples, dtype=object),
            np.stack(labels),
        )

    @property
    def share_of_sound(self) -> float:
        """How much of the windows' seconds lies within their tracks; the rest is filled with zeros."""
        left_s = np.array([len(track) for track in self.tracks])[self.track] / SAMPLE_RATE_HZ - self.start_s
        return float(left_s.clip(0, self.window_s).mean() / self.window_s)
