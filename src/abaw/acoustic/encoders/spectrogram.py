"""The families that read spectrograms: Whisper's encoder, and Wav2Vec2-BERT."""

import abaw.nn  # noqa: F401  (it makes transformers importable, so it comes first)

# isort: split

from typing import Any

import torch
from torch import Tensor, nn
from torchaudio.compliance import kaldi
from transformers import Wav2Vec2BertModel, WhisperModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from abaw.acoustic.encoders.mel import HOP, WhisperMel
from abaw.acoustic.encoders.network import NetworkEncoder
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ
from abaw.running.errors import UserError


class Whisper(NetworkEncoder):
    """Whisper's encoder, on windows of any length up to 30 s.

    Positions and silence are as in `whisper_tiny`; this is a checkpoint of any size.
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
    def top(self) -> nn.Module | None:
        """Normalises after the last layer."""
        return self.network.layer_norm

    @property
    def step_rate_hz(self) -> float:
        """Its second convolution halves the rate of the spectra."""
        return 50.0

    def inputs(self, waveforms: Tensor, known: Tensor | None) -> dict[str, Tensor]:
        """The spectrogram of waveforms that are as long as the window, silence where they end early."""
        short = round(self.window_s * SAMPLE_RATE_HZ) - waveforms.shape[1]
        return {"input_features": self.mel(nn.functional.pad(waveforms, (0, short)))}


class Wav2Vec2Bert(NetworkEncoder):
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
    def top(self) -> nn.Module | None:
        """Each conformer layer normalises its own."""
        return None

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
