"""The wav2vec2 encoders under the acoustic models: any of Hugging Face's form, or a small one of our own."""

import abaw.nn  # noqa: F401  (it makes transformers importable, so it comes first)

# isort: split

import re
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram
from transformers import Wav2Vec2Config, Wav2Vec2Model
from transformers.utils import logging as transformers_logging

from abaw.config import AcousticNetworkConfig
from abaw.running.errors import UserError

transformers_logging.disable_progress_bar()
transformers_logging.set_verbosity_error()  # what is missing from a file is said below, in a sentence

__all__ = [
    "PDEM",
    "SMALL",
    "LogMel",
    "Wav2Vec2Config",
    "Wav2Vec2Model",
    "form_of_encoder",
    "licence_of",
    "load_encoder",
]

SAMPLE_RATE_HZ = 16_000
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
"""The encoder of the embedded default, with random weights: what a small corpus can teach, on `LogMel`."""
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

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w.-]+)?")
_LICENCES = {"wav2vec2-large-robust-12-ft-emotion-msp-dim": "cc-by-nc-sa-4.0"}
"""Of models whose card may not lie beside their weights, by name."""


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


def load_encoder(settings: AcousticNetworkConfig) -> Wav2Vec2Model:
    """The encoder that `settings.encoder` names; `UserError` where it or part of its weights is missing."""
    if settings.encoder == "small":
        encoder = Wav2Vec2Model(SMALL)
        encoder.feature_extractor = LogMel()  # type: ignore[assignment]
    else:
        encoder = _pretrained(settings.encoder)
    if settings.gradient_checkpointing:
        encoder.activation_checkpointing_enable()
    return encoder


def form_of_encoder(name: str) -> dict[str, Any] | None:
    """The form of an encoder without its weights, as `Wav2Vec2Config.from_dict` reads it; None for the small one."""
    if name == "small":
        return None
    source, revision = _source(name)
    return Wav2Vec2Config.from_pretrained(source, revision=revision).to_dict()


def licence_of(name: str) -> str:
    """The licence of an encoder, as its model card says; that of PDEM forbids commercial use."""
    if name == "small":
        return "none needed, random weights"
    source, _ = _source(name)
    try:
        said = ModelCard.load(Path(source) / "README.md" if Path(source).is_dir() else source).data.license
    except Exception:  # a card is no part of a model: missing, unreadable or out of reach, it says nothing
        said = None
    return said or _LICENCES.get(Path(source).name, "not stated beside the weights")


def _pretrained(name: str) -> Wav2Vec2Model:
    source, revision = _source(name)
    try:
        loaded: Any = Wav2Vec2Model.from_pretrained(source, revision=revision, output_loading_info=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"the encoder {name} cannot be loaded: {error}") from error
    model, info = loaded
    fresh = sorted({*info["missing_keys"], *info["mismatched_keys"]} - {"masked_spec_embed"})
    if fresh:
        raise UserError(f"the weights of {name} lack {', '.join(fresh[:3])} ({len(fresh)} in all); it is incomplete")
    return model


def _source(name: str) -> tuple[str, str]:
    """A folder, or a model's id on Hugging Face, and its revision. No form of either makes transformers run code."""
    if (Path(name) / "config.json").is_file():
        return name, "main"
    if Path(name).exists() or not _HUB.fullmatch(name):
        raise UserError(
            f"acoustic.network.encoder is {name!r}, which is neither 'small' nor a folder with a config.json nor the "
            "id of a Hugging Face model (owner/name, or owner/name@revision)"
        )
    source, _, revision = name.partition("@")
    return source, revision or "main"
