"""AudioModelV1: a wav2vec2 encoder, two GRU layers, and convolutional aggregation over time (paper §2.1).

On a window of 4 s it gives four class scores, one a second, or 20 values of valence and arousal, five a second.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model
from transformers.utils import logging as transformers_logging

from abaw.config import AcousticConfig
from abaw.errors import UserError
from abaw.speech.windows import LABEL_RATE_HZ
from abaw.tasks import TASKS, TaskName

transformers_logging.disable_progress_bar()

SAMPLE_RATE_HZ = 16_000
GRU_WIDTH = 256
SMALL = Wav2Vec2Config(
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
    conv_dim=(64,) * 7,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4,
    feat_extract_norm="layer",
    do_stable_layer_norm=True,
    mask_time_prob=0.0,
    layerdrop=0.0,
)
"""The encoder of the embedded default: PDEM's class and options, a thousandth of its size, random weights."""


class AudioModelV1(nn.Module):
    """Waveforms (n, 64000), normalised, to outputs (n, 20, 2) in (-1, 1) for VA, or logits (n, 4, 8) for EXPR."""

    def __init__(self, task: TaskName, encoder: Wav2Vec2Model, window_s: int, trained_layers: int) -> None:
        super().__init__()
        self.encoder = encoder
        _train_only_last(encoder, trained_layers)
        self.recurrent = nn.GRU(encoder.config.hidden_size, GRU_WIDTH, num_layers=2, dropout=0.5, batch_first=True)
        self.aggregate = _aggregation(task, window_s)
        self.compress = nn.Sequential(nn.Linear(GRU_WIDTH, GRU_WIDTH), nn.ReLU())
        self.head = nn.Linear(GRU_WIDTH, len(TASKS[task].outputs))
        self.activation = nn.Tanh() if task == "va" else nn.Identity()

    def forward(self, waveforms: Tensor) -> Tensor:
        """Outputs over the steps of each window."""
        return self.activation(self.head(self.embed(waveforms)))

    def embed(self, waveforms: Tensor) -> Tensor:
        """What the outputs are read from, (n, steps, 256): the acoustic embeddings that attention fusion takes."""
        hidden = self.encoder(waveforms).last_hidden_state
        recurrent, _ = self.recurrent(hidden)
        return self.compress(self.aggregate(recurrent.transpose(1, 2)).transpose(1, 2))


def load_encoder(settings: AcousticConfig) -> Wav2Vec2Model:
    """The encoder that `settings.encoder` names; `UserError` where the folder lacks it or part of its weights."""
    if settings.encoder == "small":
        return Wav2Vec2Model(SMALL)
    folder = Path(settings.encoder)
    if not (folder / "config.json").is_file():
        raise UserError(
            f"acoustic.encoder is {settings.encoder!r}, which is neither 'small' nor a folder with a config.json; "
            "download the model's files into a folder and give its path"
        )
    try:
        loaded: Any = Wav2Vec2Model.from_pretrained(
            folder, local_files_only=True, use_safetensors=_has_safetensors(folder), output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"the encoder in {folder} cannot be loaded: {error}") from error
    model, info = loaded
    fresh = sorted(set(info["missing_keys"]) - {"masked_spec_embed"})
    if fresh:
        raise UserError(f"the weights in {folder} lack {', '.join(fresh[:3])} ({len(fresh)} in all); it is incomplete")
    return model


def _has_safetensors(folder: Path) -> bool:
    """Without safetensors, transformers reads a torch file with weights_only, which runs no code either."""
    return any(folder.glob("*.safetensors"))


def normalise(waveforms: NDArray[np.int16], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Zero mean and unit variance over each window's known samples, zeros elsewhere, as the wav2vec2 processor does.

    `waveforms` and `known` are (n, n_samples); a window without a sound stays zero.
    """
    signal = waveforms.astype(np.float32) / 32768
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = (signal * known).sum(axis=1, keepdims=True) / count
    centred = (signal - mean) * known
    variance = (centred**2).sum(axis=1, keepdims=True) / count
    return (centred / np.sqrt(variance + 1e-7)).astype(np.float32)


def cut(track: NDArray[np.int16], start_s: float, end_s: float, window_s: int) -> tuple[NDArray, NDArray]:
    """One window of a 16 kHz track: samples (n_samples,) and which of them are known, padded with zeros.

    Samples at or after `end_s`, and beyond the track's end, are unknown.
    """
    length = window_s * SAMPLE_RATE_HZ
    first = round(start_s * SAMPLE_RATE_HZ)
    last = min(first + length, len(track), math.ceil(end_s * SAMPLE_RATE_HZ))
    window = np.zeros(length, dtype=np.int16)
    known = np.zeros(length, dtype=bool)
    if last > first:
        window[: last - first] = track[first:last]
        known[: last - first] = True
    return window, known


def steps_per_window(task: TaskName, window_s: int) -> int:
    """How many outputs a window has: one a second for EXPR, five a second for VA (paper §3.2.1)."""
    return window_s * (LABEL_RATE_HZ if task == "va" else 1)


def _aggregation(task: TaskName, window_s: int) -> nn.Sequential:
    """From 50 steps a second to the outputs' rate: the layers of the authors' code, whose VA branch is shorter."""
    first = [nn.Conv1d(GRU_WIDTH, GRU_WIDTH, kernel_size=5, stride=3, dilation=2), nn.BatchNorm1d(GRU_WIDTH)]
    last = [nn.AdaptiveAvgPool1d(steps_per_window(task, window_s)), nn.ReLU()]
    if task == "va":
        return nn.Sequential(*first, *last)
    second = [nn.MaxPool1d(5), nn.ReLU(), nn.Conv1d(GRU_WIDTH, GRU_WIDTH, kernel_size=3), nn.BatchNorm1d(GRU_WIDTH)]
    return nn.Sequential(*first, *second, *last)


def _train_only_last(encoder: Wav2Vec2Model, trained_layers: int) -> None:
    layers = encoder.encoder.layers
    if trained_layers > len(layers):
        raise UserError(f"acoustic.trained_layers is {trained_layers}, but the encoder has only {len(layers)} layers")
    encoder.requires_grad_(False)
    for layer in layers[len(layers) - trained_layers :]:
        layer.requires_grad_(True)
