"""The families that read spectrograms: Whisper's encoder, and Wav2Vec2-BERT."""

from typing import Any

import torch
from torch import Tensor, nn
from torchaudio.compliance import kaldi
from transformers import Wav2Vec2BertModel, WhisperModel
from transformers.audio_utils import mel_filter_bank
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ
from abaw.running.errors import UserError

HOP = 160
"""Samples between two spectra of either family: 100 a second."""


class WhisperMel(nn.Module):
    """Whisper's spectrogram (Radford et al. 2023): (n, n_samples) to (n, bands, n_samples // 160).

    Logarithms of mel bands in windows of 25 ms, at most 8 decades below the loudest of the window.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        filters = mel_filter_bank(201, bands, 0.0, 8000.0, SAMPLE_RATE_HZ, norm="slaney", mel_scale="slaney")
        self.register_buffer("filters", torch.from_numpy(filters.T).float(), persistent=False)
        self.register_buffer("window", torch.hann_window(400), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """In full precision: halves would not do for a power spectrum."""
        with torch.autocast(waveforms.device.type, enabled=False):
            spectra = torch.stft(waveforms.float(), 400, HOP, window=self.window, return_complex=True)
            bands = (self.filters @ spectra[..., :-1].abs().square()).clamp_min(1e-10).log10()
            return (torch.maximum(bands, bands.amax(dim=(1, 2), keepdim=True) - 8) + 4) / 4


class Whisper(SpeechEncoder):
    """Whisper's encoder, on windows of any length up to 30 s.

    It has learned on 30 s with absolute positions that count from the window's beginning, so a shorter window takes
    the first of them. It knows no mask: what is not known is silence, as in its training.
    """

    network_class = WhisperModel
    normalises = False

    def __init__(self, network: Any, window_s: float) -> None:
        super().__init__(network, window_s)
        longest, positions = network.config.max_source_positions, round(window_s * self.step_rate_hz)
        if positions > longest:
            raise UserError(
                f"Whisper's encoder hears {longest / self.step_rate_hz:g} s at once; a window of {window_s:g} s is "
                "longer"
            )
        network.embed_positions = nn.Embedding.from_pretrained(network.embed_positions.weight[:positions].clone())
        network.config.max_source_positions = positions
        self.mel = WhisperMel(network.config.num_mel_bins)

    @classmethod
    def part_of(cls, loaded: Any) -> tuple[Any, str]:
        """The encoder, without the decoder."""
        return loaded.encoder, "encoder."

    @classmethod
    def fresh(cls, config: Any) -> Any:
        """The encoder alone."""
        return WhisperEncoder(config)

    @property
    def layers(self) -> nn.ModuleList:
        """The layers above the two convolutions."""
        return self.network.layers

    @property
    def step_rate_hz(self) -> float:
        """Its second convolution halves the rate of the spectra."""
        return 50.0

    def inputs(self, waveforms: Tensor, known: Tensor | None) -> dict[str, Tensor]:
        """The spectrogram of waveforms that are as long as the window, silence where they end early."""
        short = round(self.window_s * SAMPLE_RATE_HZ) - waveforms.shape[1]
        return {"input_features": self.mel(nn.functional.pad(waveforms, (0, short)))}


class Wav2Vec2Bert(SpeechEncoder):
    """Wav2Vec2-BERT (Barrault et al. 2023): Kaldi's filter banks, two to a step, with relative positions and a mask."""

    network_class = Wav2Vec2BertModel
    normalises = False  # it normalises its bands instead

    @classmethod
    def trimmed(cls, config: Any) -> Any:
        """Without the adapter above the encoder."""
        config.add_adapter = config.use_intermediate_ffn_before_adapter = False
        return config

    @property
    def layers(self) -> nn.ModuleList:
        """The conformer layers."""
        return self.network.encoder.layers

    @property
    def stride(self) -> int:
        """Spectra that make a step."""
        return self.network.config.feature_projection_input_dim // 80

    @property
    def step_rate_hz(self) -> float:
        """The rate of the spectra by the stride."""
        return SAMPLE_RATE_HZ / HOP / self.stride

    def inputs(self, waveforms: Tensor, known: Tensor | None) -> dict[str, Tensor]:
        """Each window's bands, normalised over the sound that it has, as transformers' own extractor does."""
        lengths = [waveforms.shape[1]] * len(waveforms) if known is None else known.sum(dim=1).tolist()
        found = [self._bands(one[:length]) for one, length in zip(waveforms, lengths, strict=True)]
        steps = len(self._bands(torch.zeros_like(waveforms[0])))
        mask = torch.zeros(len(found), steps, dtype=torch.long, device=waveforms.device)
        for row, one in zip(mask, found, strict=True):
            row[: len(one)] = 1
        bands = torch.stack([nn.functional.pad(one, (0, 0, 0, steps - len(one))) for one in found])
        return {"input_features": bands, "attention_mask": mask}

    def _bands(self, waveform: Tensor) -> Tensor:
        """(steps, stride * 80) of one waveform; none where it is shorter than a spectrum's window."""
        with torch.autocast(waveform.device.type, enabled=False):
            sound = waveform.float()[None] * 2**15
            bands = kaldi.fbank(sound, num_mel_bins=80, sample_frequency=SAMPLE_RATE_HZ, window_type="povey")
            variance, mean = torch.var_mean(bands, dim=0, correction=1 if len(bands) > 1 else 0)
            bands = (bands - mean) / (variance + 1e-7).sqrt()
        return bands[: len(bands) // self.stride * self.stride].reshape(-1, self.stride * 80)
