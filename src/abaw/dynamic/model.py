"""The transformer over time (paper §2.2.2, Figure 3), sequence to sequence as in the authors' code, or to one.

Windows of frame embeddings go through three encoder layers; every frame of a window gets a prediction. Frames without a
face are masked: nothing attends to them, they have no loss and no prediction.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abaw.config import DynamicNetworkConfig
from abaw.dynamic.windows import window_starts, window_step
from abaw.nn.outputs import activation
from abaw.nn.positions import sinusoidal_positions
from abaw.nn.runtime import sent
from abaw.tables.schemas import EMBEDDING_SIZE
from abaw.tasks import TASKS, TaskName


class OverTime(nn.Module):
    """A network from embeddings (n, w, width) and a mask (n, w) of frames with a face to outputs (n, w, 2 or 8).

    `faces` are the numbers of the frames with a face among all n * w; a GPU would have to be waited for to know them.
    """

    head: nn.Linear

    @staticmethod
    def of_faces(
        embeddings: Tensor, has_face: Tensor, faces: Tensor | None, change: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Embeddings, changed where there is a face and zeros elsewhere: others have no part in any statistics."""
        flat = embeddings.flatten(0, 1)
        rows = has_face.flatten().nonzero().squeeze(1) if faces is None else faces
        inputs = torch.zeros(flat.shape, device=flat.device)
        inputs[rows] = change(flat[rows].float())
        return inputs.view(embeddings.shape)


class DynamicModel(OverTime):
    """Embeddings (n, w, width) and a mask (n, w), True where there is a face, to outputs (n, w, 2 or 8).

    Of another width than 256, in which the network attends, they are projected to it.

    The outputs are valence and arousal in (-1, 1) through tanh, or the logits of the eight expressions. Where the
    settings ask for one output a window (paper Figure 3), it is read from the mean over the encoded frames with a face,
    and stands at every frame of the window.
    """

    low: Tensor
    span: Tensor

    def __init__(self, task: TaskName, settings: DynamicNetworkConfig, width: int = EMBEDDING_SIZE) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(width))
        self.register_buffer("span", torch.ones(width))
        self.one_output = settings.output == "one"
        self.normalise = nn.BatchNorm1d(width) if settings.input_batch_norm else nn.Identity()
        self.project = nn.Identity() if width == EMBEDDING_SIZE else nn.Linear(width, EMBEDDING_SIZE)
        layer = nn.TransformerEncoderLayer(
            EMBEDDING_SIZE, settings.heads, settings.feedforward, settings.dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, settings.layers, enable_nested_tensor=False)
        self.head = nn.Linear(EMBEDDING_SIZE, len(TASKS[task].outputs))
        self.activation = activation(task)

    def scale_by(self, low: NDArray[np.float32], span: NDArray[np.float32]) -> None:
        """Map embeddings from [low, low + span] (width each) to [0, 1] before all else; saved with the weights."""
        self.low.copy_(torch.from_numpy(low))
        self.span.copy_(torch.from_numpy(span))

    def forward(self, embeddings: Tensor, has_face: Tensor, faces: Tensor | None = None) -> Tensor:
        """Outputs for every frame; those of frames without a face mean nothing. Each window needs one face at least."""
        inputs = self.of_faces(embeddings, has_face, faces, lambda seen: self.normalise((seen - self.low) / self.span))
        positions = sent(sinusoidal_positions(embeddings.shape[1], EMBEDDING_SIZE), inputs.device)
        encoded = self.encoder(self.project(inputs) + positions, src_key_padding_mask=~has_face)
        if self.one_output:
            seen = has_face.unsqueeze(-1)
            mean = (encoded * seen).sum(dim=1, keepdim=True) / seen.sum(dim=1, keepdim=True)
            encoded = mean.expand_as(encoded)
        return self.activation(self.head(encoded))


def minmax_range(
    embeddings: NDArray[np.floating], has_face: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest values and spans (width each) over the frames with a face; a span of 1 where a value is constant."""
    if not has_face.any():
        return np.zeros(embeddings.shape[1], np.float32), np.ones(embeddings.shape[1], np.float32)
    known = embeddings[has_face]
    low, high = known.min(axis=0).astype(np.float32), known.max(axis=0).astype(np.float32)
    return low, np.where(high > low, high - low, np.float32(1))


def minmax_per_video(
    embeddings: NDArray[np.floating], has_face: NDArray[np.bool_], lengths: Sequence[int]
) -> NDArray[np.float32]:
    """Scale every embedding (n_frames, width) to [0, 1] over its sequence's frames with a face (paper §3.2.2).

    Sequences of `lengths` lie one after the other. A value that is constant over its sequence, and a frame without a
    face, become 0.
    """
    scaled = np.zeros(embeddings.shape, np.float32)
    for start, length in zip(np.cumsum([0, *lengths]), lengths, strict=False):
        rows = np.arange(start, start + length)
        low, span = minmax_range(embeddings[rows], has_face[rows])
        rows = rows[has_face[rows]]
        scaled[rows] = (embeddings[rows] - low) / span
    return scaled


@dataclass(frozen=True)
class Windows:
    """All windows of a split as strided views of one block of frames, which lies on the device in half precision.

    The block holds the sequences one after the other, those shorter than a window padded to it, so that every window is
    a stretch of the block: nothing is copied but the windows of a batch. Where windows have every n-th frame alone, a
    sequence lies there as n, of which each begins a frame later. `rows` says which frame of the split a line of the
    block is, -1 for padding; `starts`, on the host, where each window begins, `step` apart. Windows without any face
    are left out. `known_faces` is `has_face` on the host.
    """

    embeddings: Tensor
    has_face: Tensor
    known_faces: Tensor
    rows: Tensor
    starts: Tensor
    window: int
    step: int

    @classmethod
    def over(
        cls,
        embeddings: NDArray[np.floating],
        has_face: NDArray[np.bool_],
        lengths: Sequence[int],
        window: int,
        device: torch.device,
        overlap: float = 0.5,
        every_nth: int = 1,
    ) -> "Windows":
        """Windows over sequences that lie one after the other in `embeddings` (n_frames, width).

        A window is of `window` frames, every n-th of a sequence; the next shares `overlap` of them.
        """
        rows, starts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        step = window_step(window, overlap)
        line = 0
        for end, length in zip(np.cumsum(lengths), lengths, strict=True):
            for first in range(end - length, end - length + min(every_nth, length)):
                own = np.arange(first, end, every_nth)
                starts.append(line + np.array(window_starts(len(own), window, step)))
                rows.append(np.pad(own, (0, max(0, window - len(own))), constant_values=-1))
                line += len(rows[-1])
        of_line, begins = np.concatenate(rows), np.concatenate(starts)
        face = np.append(has_face, False)[of_line]  # a -1 reads the last one, which is padding
        faces_before = np.append(0, np.cumsum(face))
        begins = begins[faces_before[begins + window] > faces_before[begins]]
        block = embeddings.astype(np.float16, copy=False)[of_line]
        block[of_line < 0] = 0
        faces, of_lines = torch.from_numpy(face), torch.from_numpy(of_line)
        on_device = (torch.from_numpy(block).to(device), faces.to(device))
        return cls(*on_device, faces, of_lines.to(device), torch.from_numpy(begins), window, step)

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, lines: Tensor, items: Tensor) -> Tensor:
        """The stretches (n, window, ...) of the windows `items`, out of a value for each line of the block."""
        width = lines[0].numel()
        # Each row of this view is a whole stretch, one piece of memory, which index_select copies fastest.
        stretches = lines.as_strided((len(lines) - self.window + 1, self.window * width), (width, 1))
        chosen = stretches.index_select(0, sent(self.starts[items], lines.device))
        return chosen.reshape(len(items), self.window, *lines.shape[1:])

    def batch(self, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Embeddings (n, window, width), face mask (n, window) and `faces` of some windows, on the device."""
        faces = self.take(self.known_faces, items).flatten().nonzero().squeeze(1)
        return self.take(self.embeddings, items), self.take(self.has_face, items), sent(faces, self.has_face.device)


Said = tuple[NDArray[np.int64], NDArray[np.float32]]
"""What is said of some frames: row numbers (n,), which may repeat, and outputs (n, 2 or 8)."""


def predict_windows(model: OverTime, windows: Windows, batch_size: int) -> Iterator[Said]:
    """Every prediction of every window, a batch of windows at a time; frames without a face have none."""
    with torch.inference_mode():
        for items in torch.arange(len(windows)).split(batch_size):
            embeddings, mask, faces = windows.batch(items)
            outputs = model(embeddings, mask, faces)[mask].cpu().numpy()
            yield windows.take(windows.rows, items)[mask].cpu().numpy(), outputs


def mean_per_row(said: Iterable[Said], n_rows: int, n_outputs: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Average what overlapping windows say of one frame: the rows that have a prediction, and their means.

    Memory is that of the rows, however many windows have them.
    """
    sums = np.zeros((n_rows, n_outputs))
    counts = np.zeros(n_rows)
    for rows, outputs in said:
        np.add.at(sums, rows, outputs)
        np.add.at(counts, rows, 1)
    known = np.flatnonzero(counts)
    return known, sums[known] / counts[known, None]
