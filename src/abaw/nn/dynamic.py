"""The transformer over time (paper §2.2.2, Figure 3), sequence to sequence as in the authors' code.

Windows of frame embeddings go through three encoder layers; every frame of a window gets a prediction. Frames without a
face are masked: nothing attends to them, they have no loss and no prediction.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abaw.config import DynamicConfig
from abaw.tables import EMBEDDING_SIZE
from abaw.tasks import TASKS, TaskName


class DynamicModel(nn.Module):
    """Embeddings (n, w, 256) and a mask (n, w), True where there is a face, to outputs (n, w, 2 or 8).

    The outputs are valence and arousal in (-1, 1) through tanh, or the logits of the eight expressions.
    """

    def __init__(self, task: TaskName, settings: DynamicConfig) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm1d(EMBEDDING_SIZE) if settings.input_batch_norm else nn.Identity()
        layer = nn.TransformerEncoderLayer(
            EMBEDDING_SIZE, settings.heads, settings.feedforward, settings.dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, settings.layers, enable_nested_tensor=False)
        self.head = nn.Linear(EMBEDDING_SIZE, len(TASKS[task].outputs))
        self.activation = nn.Tanh() if task == "va" else nn.Identity()

    def forward(self, embeddings: Tensor, has_face: Tensor) -> Tensor:
        """Outputs for every frame; those of frames without a face mean nothing. Each window needs one face at least."""
        inputs = torch.zeros_like(embeddings)
        inputs[has_face] = self.normalise(embeddings[has_face])  # frames without a face have no part in the statistics
        positions = sinusoidal_positions(embeddings.shape[1], EMBEDDING_SIZE).to(embeddings)
        encoded = self.encoder(inputs + positions, src_key_padding_mask=~has_face)
        return self.activation(self.head(encoded))


def sinusoidal_positions(length: int, width: int) -> Tensor:
    """The positional encoding (length, width) of Vaswani et al. 2017, section 3.5."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length).unsqueeze(1) * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def minmax_per_video(
    embeddings: NDArray[np.float32], has_face: NDArray[np.bool_], lengths: Sequence[int]
) -> NDArray[np.float32]:
    """Scale every embedding (n_frames, 256) to [0, 1] over its sequence's frames with a face (paper §3.2.2).

    Sequences of `lengths` lie one after the other. A value that is constant over its sequence, and a frame without a
    face, become 0.
    """
    scaled = np.zeros_like(embeddings)
    for start, length in zip(np.cumsum([0, *lengths]), lengths, strict=False):
        rows = np.arange(start, start + length)[has_face[start : start + length]]
        if len(rows):
            low, high = embeddings[rows].min(axis=0), embeddings[rows].max(axis=0)
            span = np.where(high > low, high - low, 1)
            scaled[rows] = (embeddings[rows] - low) / span
    return scaled


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


@dataclass(frozen=True)
class Windows:
    """All windows of a split as row numbers into one block of frames.

    `rows` is (n_windows, window) int64, -1 beyond the end of a short sequence; windows without any face are left out.
    """

    embeddings: Tensor
    has_face: Tensor
    rows: Tensor

    @classmethod
    def over(
        cls, embeddings: NDArray[np.float32], has_face: NDArray[np.bool_], lengths: Sequence[int], window: int
    ) -> "Windows":
        """Windows over sequences that lie one after the other in `embeddings` (n_frames, 256), stepping by half."""
        rows = []
        offset = 0
        for length in lengths:
            for start in window_starts(length, window, max(1, window // 2)):
                numbers = np.arange(start, start + window)
                rows.append(np.where(numbers < length, numbers + offset, -1))
            offset += length
        stacked = np.stack(rows) if rows else np.empty((0, window), dtype=np.int64)
        seen = (has_face[stacked] & (stacked >= 0)).any(axis=1) if len(has_face) else np.zeros(len(stacked), bool)
        return cls(torch.from_numpy(embeddings), torch.from_numpy(has_face), torch.from_numpy(stacked[seen]))

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, items: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """Embeddings (n, window, 256) and face mask (n, window) of some windows."""
        rows = self.rows[items]
        mask = self.has_face[rows] & (rows >= 0)
        return self.embeddings[rows].to(device), mask.to(device)


def predict_windows(
    model: DynamicModel, windows: Windows, device: torch.device, batch_size: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Every prediction of every window: row numbers (n,) and outputs (n, 2 or 8); frames without a face have none."""
    rows: list[Tensor] = [torch.empty(0, dtype=torch.int64)]
    outputs: list[Tensor] = [torch.empty(0, model.head.out_features)]
    with torch.inference_mode():
        for items in torch.arange(len(windows)).split(batch_size):
            embeddings, mask = windows.batch(items, device)
            predicted = model(embeddings, mask).cpu()
            rows.append(windows.rows[items][mask.cpu()])
            outputs.append(predicted[mask.cpu()])
    return torch.cat(rows).numpy(), torch.cat(outputs).numpy()


def mean_per_row(
    rows: NDArray[np.int64], outputs: NDArray[np.float32], n_rows: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Average what overlapping windows say of one frame: the rows that have a prediction, and their means."""
    sums = np.zeros((n_rows, outputs.shape[1]))
    counts = np.zeros(n_rows)
    np.add.at(sums, rows, outputs)
    np.add.at(counts, rows, 1)
    known = np.flatnonzero(counts)
    return known, sums[known] / counts[known, None]
