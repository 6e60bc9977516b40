"""Attention over the embeddings of several modalities, such as faces and voice, on one timeline (paper §2.3, §4.3).

The timeline is that of the analysed frames with a face; at each, the voice's embedding is read off by interpolation.
Two mechanisms: `self`, where all modalities stand in one sequence and every token attends to all; `cross`, where each
modality asks the others, as in the authors' code, which however pools a window to one vector; here every frame keeps
its prediction, so that this model goes through the same stages as the others.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from abaw.config import AttentionNetworkConfig
from abaw.dynamic.model import OverTime
from abaw.nn.outputs import activation
from abaw.nn.positions import sinusoidal_positions
from abaw.nn.runtime import sent
from abaw.tables.schemas import EMBEDDING_SIZE
from abaw.tasks import TASKS, TaskName

Mechanism = Literal["self", "cross"]


class AttentionFusion(OverTime):
    """Embeddings of all modalities side by side (n, w, sum of `widths`) and a mask of frames with a face (n, w).

    They attend in the width of the faces' embeddings, 256, to which each modality is projected, but for a first one
    that has it. The outputs (n, w, 2 or 8) are valence and arousal in (-1, 1) through tanh, or the logits of the eight
    expressions.

    With `modality_dropout` a modality that has nothing at a frame, whose numbers there are all zeros, is a token that
    is learned; and in training one modality is left out of that share of the windows, the token in its place (as USTC's
    team for the 10th ABAW, arXiv 2603.08034).
    """

    def __init__(
        self, task: TaskName, mechanism: Mechanism, settings: AttentionNetworkConfig, widths: Sequence[int]
    ) -> None:
        super().__init__()
        self.mechanism = mechanism
        self.widths = list(widths)
        self.normalise = nn.BatchNorm1d(sum(widths))
        self.project = nn.ModuleList(
            nn.Linear(width, EMBEDDING_SIZE) if k or width != EMBEDDING_SIZE else nn.Identity()
            for k, width in enumerate(widths)
        )
        self.modality = nn.Parameter(torch.zeros(len(widths), EMBEDDING_SIZE))
        layer = _SelfLayer if mechanism == "self" else _CrossLayer
        self.layers = nn.ModuleList(layer(settings, len(widths)) for _ in range(settings.layers))
        self.join = nn.Sequential(nn.Linear(len(widths) * EMBEDDING_SIZE, EMBEDDING_SIZE), nn.ReLU())
        self.head = nn.Linear(EMBEDDING_SIZE, len(TASKS[task].outputs))
        self.activation = activation(task)
        self.modality_dropout = settings.modality_dropout
        if self.modality_dropout:
            self.missing = nn.Parameter(torch.zeros(len(widths), EMBEDDING_SIZE))

    def forward(self, embeddings: Tensor, has_face: Tensor, faces: Tensor | None = None) -> Tensor:
        """Outputs for every frame; those of frames without a face mean nothing. Each window needs one face at least."""
        inputs = self.of_faces(embeddings, has_face, faces, self.normalise)
        parts = [project(part) for project, part in zip(self.project, inputs.split(self.widths, dim=-1), strict=True)]
        if self.modality_dropout:
            absent = self._absent(embeddings)
            parts = [torch.where(absent[k], self.missing[k], part) for k, part in enumerate(parts)]
        positions = sent(sinusoidal_positions(embeddings.shape[1], EMBEDDING_SIZE), inputs.device)
        parts = [part + positions + kind for part, kind in zip(parts, self.modality, strict=True)]
        for layer in self.layers:
            parts = layer(parts, ~has_face)
        return self.activation(self.head(self.join(torch.cat(parts, dim=-1))))

    def _absent(self, embeddings: Tensor) -> Tensor:
        """Where each modality has nothing or is left out, (modalities, n, w, 1)."""
        absent = torch.stack([(part == 0).all(dim=-1) for part in embeddings.split(self.widths, dim=-1)])
        if self.training:
            n = embeddings.shape[0]
            left_out = sent(torch.randint(len(self.widths), (n,)), absent.device)
            dropped = sent(torch.rand(n) < self.modality_dropout, absent.device)
            each = torch.arange(len(self.widths), device=absent.device)[:, None]
            absent = absent | ((left_out == each) & dropped)[:, :, None]
        return absent.unsqueeze(-1)


class _SelfLayer(nn.Module):
    """A transformer encoder layer over all modalities in one sequence."""

    def __init__(self, settings: AttentionNetworkConfig, modalities: int) -> None:
        super().__init__()
        self.modalities = modalities
        self.encoder = nn.TransformerEncoderLayer(
            EMBEDDING_SIZE, settings.heads, settings.feedforward, settings.dropout, batch_first=True
        )

    def forward(self, parts: Sequence[Tensor], hidden: Tensor) -> Sequence[Tensor]:
        n = self.modalities
        return self.encoder(torch.cat(list(parts), dim=1), src_key_padding_mask=hidden.repeat(1, n)).chunk(n, dim=1)


class _CrossLayer(nn.Module):
    """Each modality attends to the others, with a feed-forward part of its own."""

    def __init__(self, settings: AttentionNetworkConfig, modalities: int) -> None:
        super().__init__()
        self.asking = nn.ModuleList(_Asking(settings) for _ in range(modalities))

    def forward(self, parts: Sequence[Tensor], hidden: Tensor) -> Sequence[Tensor]:
        unseen = hidden.repeat(1, len(parts) - 1)
        return [
            asking(parts[k], torch.cat([part for j, part in enumerate(parts) if j != k], dim=1), unseen)
            for k, asking in enumerate(self.asking)
        ]


class _Asking(nn.Module):
    """Attention from one sequence to another, then the feed-forward part, each added and normalised."""

    def __init__(self, settings: AttentionNetworkConfig) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBEDDING_SIZE, settings.heads, settings.dropout, batch_first=True)
        self.feedforward = nn.Sequential(
            nn.Linear(EMBEDDING_SIZE, settings.feedforward),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.feedforward, EMBEDDING_SIZE),
        )
        self.norms = nn.ModuleList(nn.LayerNorm(EMBEDDING_SIZE) for _ in range(2))
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, asking: Tensor, asked: Tensor, hidden: Tensor) -> Tensor:
        found, _ = self.attention(asking, asked, asked, key_padding_mask=hidden, need_weights=False)
        asking = self.norms[0](asking + self.dropout(found))
        return self.norms[1](asking + self.dropout(self.feedforward(asking)))
