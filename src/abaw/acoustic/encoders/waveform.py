"""The families that read waveforms through convolutions: Wav2Vec2, HuBERT, WavLM, data2vec-audio; and a small one."""

import abaw.nn  # noqa: F401  (it makes transformers importable, so it comes first)

# isort: split

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram
from transformers import Data2VecAudioModel, HubertModel, Wav2Vec2Config, Wav2Vec2Model, WavLMModel

from abaw.acoustic.encoders.base import Steps
from abaw.acoustic.encoders.network import NetworkEncoder
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ

SMALL = Wav2Vec2Config(
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
    conv_dim=(64,),
    conv_kernel=(10,),
    conv_stride=(5,),
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4,
    feat_extract_norm="layer",
    do_stable_layer_norm=True,
    mask_time_prob=0.0,
    layerdrop=0.0,
)
"""The form of `Small`."""
PDEM = Wav2Vec2Config(
    hidden_size=1024,
    num_hidden_layers=12,
    num_attention_heads=16,
    intermediate_size=4096,
    conv_bias=True,
    feat_extract_norm="layer",
    do_stable_layer_norm=True,
)
"""The form of audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim: 12 layers of wav2vec2-large."""


class Wav2Vec2(NetworkEncoder):
    """Wav2Vec2 (Baevski et al. 2020). Positions are relative, by a convolution, so a window may be of any length.

    Models whose convolutions are normalised over time (`feat_extract_norm` group) have learned with zeros where there
    is no sound, and get no mask; those that normalise each step get one, as their processor's settings say.
    """

    network_class: ClassVar[Any] = Wav2Vec2Model

    def __init__(self, network: Any, window_s: float) -> None:
        super().__init__(network, window_s)
        self.masked = getattr(network.config, "feat_extract_norm", "layer") == "layer"

    @classmethod
    def trimmed(cls, config: Any) -> Any:
        """Without the adapter that some checkpoints have above the encoder."""
        config.add_adapter = False
        return config

    def follow(self, processor: Mapping[str, Any]) -> None:
        """Normalise and mask as the checkpoint's processor does: some models have learned on sound as it is."""
        self.normalises = processor.get("do_normalize", self.normalises)
        self.masked = processor.get("return_attention_mask", self.masked)

    @property
    def layers(self) -> nn.ModuleList:
        """The layers above the convolutions."""
        return self.network.encoder.layers

    @property
    def top(self) -> nn.Module | None:
        """Some forms normalise after the last layer, the others before the first."""
        return self.network.encoder.layer_norm if getattr(self.network.config, "do_stable_layer_norm", False) else None

    @property
    def step_rate_hz(self) -> float:
        """What the strides of the convolutions leave: 50 with all published models."""
        return SAMPLE_RATE_HZ / prod(self.network.config.conv_stride)

    def inputs(self, waveforms: Tensor, known: Tensor | None) -> dict[str, Tensor]:
        """The waveforms, with a mask where some of them end early."""
        if not self.masked or known is None or bool(known.all()):
            return {"input_values": waveforms}
        return {"input_values": waveforms, "attention_mask": known.long()}

    def train_only_last(self, count: int) -> None:
        """See `SpeechEncoder.train_only_last`."""
        super().train_only_last(count)
        # Else transformers keeps all steps of the convolutions for a gradient that nobody takes.
        self.network.feature_extractor._requires_grad = False


class Hubert(Wav2Vec2):
    """HuBERT (Hsu et al. 2021): Wav2Vec2's form, taught otherwise."""

    network_class = HubertModel


class WavLM(Wav2Vec2):
    """WavLM (Chen et al. 2022). The first layer's relative positions serve all layers, and learn with the first."""

    network_class = WavLMModel

    def _layer(self, number: int, steps: Steps) -> Steps:
        hidden, positions = self.layers[number](steps.hidden, **steps.beside)
        return Steps(hidden, {**steps.beside, "position_bias": positions})


class Data2VecAudio(Wav2Vec2):
    """data2vec-audio (Baevski et al. 2022): every convolution is normalised step by step, so it takes masks."""

    network_class = Data2VecAudioModel


class LogMel(nn.Module):
    """Waveforms (n, n_samples) to logarithms of 64 mel bands in windows of 25 ms, (n, 64, steps), 50 steps a second.

    It stands in the place of wav2vec2's convolutions, which need far more speech than a small corpus has.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spectrogram = MelSpectrogram(
            SAMPLE_RATE_HZ, n_fft=400, hop_length=320, center=False, n_mels=SMALL.conv_dim[-1]
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        """Four is about what the logarithms of speech spread over."""
        with torch.autocast(waveforms.device.type, enabled=False):
            return (self.spectrogram(waveforms.float()) + 1e-3).log() / 4


class Small(Wav2Vec2):
    """Two layers of 64 on `LogMel`, with random weights: for tests, and for what a small corpus can teach."""

    def __init__(self, window_s: float) -> None:
        network = Wav2Vec2Model(SMALL)
        network.feature_extractor = LogMel()  # type: ignore[assignment]
        super().__init__(network, window_s)
        self.masked = False  # transformers would count its steps by the convolutions that it does not have

    @property
    def step_rate_hz(self) -> float:
        """That of `LogMel`."""
        return 50.0
