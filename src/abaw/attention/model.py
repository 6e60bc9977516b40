"""Attention over the embeddings of faces and voice on one timeline (paper §2.3, §4.3).

The timeline is that of the analysed frames with a face; at each, the voice's embedding is read off by interpolation.
Two mechanisms: `self`, where both modalities stand in one sequence and every token attends to all; `cross`, where each
modality asks the other, as in the authors' code, which however pools a window to one vector; here every frame keeps its
prediction, so that this model goes through the same stages as the others.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from abaw.config import OverTimeConfig
from abaw.dynamic.model import OverTime
from abaw.nn.positions import sinusoidal_positions
from abaw.tables.schemas import EMBEDDING_SIZE
from abaw.tasks import TASKS, TaskName

Mechanism = Literal["self", "cross"]
MODALITIES = 2


class AttentionFusion(OverTime):
    """Embeddings of both modalities side by side (n, w, 256 + voice_width) and a mask of frames with a face (n, w).

    The voice's, as wide as the acoustic model is, are projected to the width of the faces', 256, in which both attend.
    The outputs (n, w, 2 or 8) are valence and arousal in (-1, 1) through tanh, or the logits of the eight expressions.
    """

    def __init__(self, task: TaskName, mechanism: Mechanism, settings: OverTimeConfig, voice_width: int) -> None:
        super().__init__()
        self.mechanism = mechanism
        self.voice_width = voice_width
        self.normalise = nn.BatchNorm1d(EMBEDDING_SIZE + voice_width)
        self.project = nn.Linear(voice_width, EMBEDDING_SIZE)
        self.modality = nn.Parameter(torch.zeros(MODALITIES, EMBEDDING_SIZE))
        layer = _SelfLayer if mechanism == "self" else _CrossLayer
        self.layers = nn.ModuleList(layer(settings) for _ in range(settings.layers))
        self.join = nn.Sequential(nn.Linear(MODALITIES * EMBEDDING_SIZE, EMBEDDING_SIZE), nn.ReLU())
        self.head = nn.Linear(EMBEDDING_SIZE, len(TASKS[task].outputs))
        self.activation = nn.Tanh() if task == "va" else nn.Identity()

    def forward(self, embeddings: Tensor, has_face: Tensor) -> Tensor:
        """Outputs for every frame; those of frames without a face mean nothing. Each window needs one face at least."""
        inputs = torch.zeros(embeddings.shape, device=embeddings.device)
        inputs[has_face] = self.normalise(embeddings[has_face].float())
        positions = sinusoidal_positions(embeddings.shape[1], EMBEDDING_SIZE).to(inputs)
        face, voice = inputs.split([EMBEDDING_SIZE, self.voice_width], dim=-1)
        face, voice = (
            part + positions + kind for part, kind in zip((face, self.project(voice)), self.modality, strict=True)
        )
        for layer in self.layers:
            face, voice = layer(face, voice, ~has_face)
        return self.activation(self.head(self.join(torch.cat([face, voice], dim=-1))))


class _SelfLayer(nn.Module):
    """A transformer encoder layer over both modalities in one sequence."""

    def __init__(self, settings: OverTimeConfig) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(
            EMBEDDING_SIZE, settings.heads, settings.feedforward, settings.dropout, batch_first=True
        )

    def forward(self, face: Tensor, voice: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        both = self.encoder(torch.cat([face, voice], dim=1), src_key_padding_mask=torch.cat([hidden, hidden], dim=1))
        face, voice = both.chunk(MODALITIES, dim=1)
        return face, voice


class _CrossLayer(nn.Module):
    """Each modality attends to the other, with a feed-forward part of its own."""

    def __init__(self, settings: OverTimeConfig) -> None:
        super().__init__()
        self.face = _Asking(settings)
        self.voice = _Asking(settings)

    def forward(self, face: Tensor, voice: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.face(face, voice, hidden), self.voice(voice, face, hidden)


class _Asking(nn.Module):
    """Attention from one sequence to another, then the feed-forward part, each added and normalised."""

    def __init__(self, settings: OverTimeConfig) -> None:
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
