"""What an encoder hears of a voice: mean and deviation of its layers over the steps that count of each window.

Windows of `window_s` cover a whole track in steps of `step_s`. A step of the encoder counts where it is loud, at most
`loud_db` below the loudest of its window; where enough of a window lies in the target speaker's voiced runs, only steps
within them count. Middle layers know more of an emotion than the last one, and pauses blur it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.acoustic.encoders.loading import load_encoder
from abaw.acoustic.voices import Runs
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ, Sound, cut_windows
from abaw.acoustic.windows import windows_over
from abaw.config import VoiceStatisticsConfig
from abaw.nn.runtime import half_on_gpu
from abaw.running.errors import UserError
from abaw.speech.audio import Track, read_blocks
from abaw.tables.arrays import runs_of
from abaw.tables.schemas import SCHEMAS, VOICED

BATCH = 16
"""Windows that the encoder hears at once."""
_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Ear:
    """An encoder that is ready to listen, and what is taken of it."""

    encoder: SpeechEncoder
    settings: VoiceStatisticsConfig
    device: torch.device

    @classmethod
    def of(cls, settings: VoiceStatisticsConfig, device: torch.device) -> "Ear":
        """The encoder that the settings name; `UserError` where it does not have their layers."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # an encoder of random weights is the same one wherever it listens
            encoder = load_encoder(settings.encoder, settings.window_s)
        return cls.with_encoder(encoder, settings, device)

    @classmethod
    def with_encoder(cls, encoder: SpeechEncoder, settings: VoiceStatisticsConfig, device: torch.device) -> "Ear":
        """The same with an encoder that is loaded already."""
        if max(settings.layers) > len(encoder.layers):
            raise UserError(
                f"voice_functional.statistics.layers has {max(settings.layers)}, but the encoder {settings.encoder} "
                f"has {len(encoder.layers)} layers; name some of these, counted from 1 at the bottom"
            )
        return cls(encoder.to(device).eval(), settings, device)

    def statistics(self, sample: str, track: Sound, runs: Runs) -> pa.Table:
        """The `voice_statistics` of a whole 16 kHz track, whose target speaker speaks in `runs` (start_s, end_s)."""
        length_s = self.settings.window_s
        starts: NDArray[np.float64] = np.array(
            windows_over(len(track) / SAMPLE_RATE_HZ, length_s, self.settings.step_s)
        )
        voiced, parts = [], []
        for some in np.array_split(starts, -(-len(starts) // BATCH)):
            waveforms, known = cut_windows([(track, start_s) for start_s in some], length_s)
            layers = self._heard(waveforms, known)
            steps = layers.shape[2]
            spoken = self._spoken(some, steps, runs)
            counted, of_speaker = counted_steps(self._levels(waveforms, steps), spoken, self.settings)
            voiced.append(of_speaker)
            parts.append(moments(layers, torch.from_numpy(counted).to(self.device)).cpu().numpy())
        mean, deviation = np.concatenate(parts, axis=1)
        columns = {"sample": pa.array([sample] * len(starts), pa.string())}
        columns |= {"start_s": starts, "end_s": starts + length_s, VOICED: np.concatenate(voiced)}
        return pa.table(columns | {"mean": _lists(mean), "deviation": _lists(deviation)})

    def _heard(self, waveforms: NDArray[np.int16], known: NDArray[np.bool_]) -> Tensor:
        """The chosen layers (n, layers, steps, width)."""
        prepared, mask = self.encoder.prepare(waveforms, known), torch.from_numpy(known)
        with torch.inference_mode(), half_on_gpu(self.device):
            outputs = self.encoder.layer_outputs(
                prepared.to(self.device), mask.to(self.device), max(self.settings.layers)
            )
        return torch.stack([outputs[number - 1].float() for number in self.settings.layers], dim=1)

    def _spoken(self, starts: NDArray[np.float64], steps: int, runs: Runs) -> NDArray[np.bool_]:
        """Which steps (n, steps) have their middle in a voiced run."""
        middles = starts[:, None] + (np.arange(steps) + 0.5) / self.encoder.step_rate_hz
        return np.any([(begin <= middles) & (middles < end) for begin, end in [*runs, (0.0, 0.0)]], axis=0)

    def _levels(self, waveforms: NDArray[np.int16], steps: int) -> NDArray[np.float64]:
        """The root mean square (n, steps) of each step's samples."""
        hop = round(SAMPLE_RATE_HZ / self.encoder.step_rate_hz)
        pieces = waveforms[:, : steps * hop].reshape(len(waveforms), steps, hop).astype(np.float64)
        return np.sqrt((pieces**2).mean(axis=2))


def describe_samples(ear: Ear, tracks: Mapping[str, Path], voiced: pa.Table) -> pa.Table:
    """The `voice_statistics` of whole samples, whose 16 kHz tracks are files; `voiced` says when each one speaks.

    Of a track that is silent from end to end there is nothing to say.
    """
    tables = [SCHEMAS["voice_statistics"].empty_table()]
    for sample, path in tqdm(tracks.items(), "samples", disable=None):
        if any(block.any() for block in read_blocks(path)):
            tables.append(ear.statistics(sample, Track(path), runs_of(voiced, sample)).cast(tables[0].schema))
    return pa.concat_tables(tables)


def counted_steps(
    levels: NDArray[np.float64], spoken: NDArray[np.bool_], settings: VoiceStatisticsConfig
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which steps (n, steps) count, at least one of each window, and whether a window (n,) is the target speaker's.

    `levels` are the steps' root mean squares, `spoken` those of them that lie in a voiced run.
    """
    loud = levels >= levels.max(axis=1, keepdims=True) * 10 ** (-settings.loud_db / 20)
    of_speaker = spoken.any(axis=1) & (spoken.mean(axis=1) >= settings.min_share)
    both = loud & spoken
    narrowed = of_speaker & both.any(axis=1)
    return np.where(narrowed[:, None], both, loud), of_speaker


def moments(layers: Tensor, counted: Tensor) -> Tensor:
    """Mean and deviation of layers (n, layers, steps, width) over the steps that count (n, steps), side by side.

    Shape (2, n, layers * width).
    """
    weight = counted[:, None, :, None].to(layers.dtype)
    n_steps = weight.sum(dim=2, keepdim=True)
    mean = (layers * weight).sum(dim=2, keepdim=True) / n_steps
    variance = ((layers - mean).square() * weight).sum(dim=2, keepdim=True) / n_steps
    return torch.stack([mean, variance.sqrt()]).flatten(start_dim=2)


def _lists(values: NDArray[np.float32]) -> pa.Array:
    """Rows (n, width) as lists of half floats."""
    half = values.clip(-_LARGEST, _LARGEST).astype(np.float16)
    return pa.FixedSizeListArray.from_arrays(half.ravel(), half.shape[1])
