"""What a trained attention over several modalities says of embeddings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from abaw.attention.model import AttentionFusion
from abaw.config import AttentionNetworkConfig
from abaw.dynamic.training import Sequences, predict_over_time
from abaw.nn import checkpoint
from abaw.tasks import TaskName


def predict_attention(
    task: TaskName,
    weights: Path,
    card: Mapping[str, Any],
    settings: AttentionNetworkConfig,
    modalities: Sequence[pa.Table],
    device: torch.device,
) -> pa.Table:
    """The `predictions` table of the embeddings of each modality, of the same frames, by the card's model."""
    model = AttentionFusion(task, card["mechanism"], settings, card["widths"])
    model = checkpoint.load(model, weights, card).to(device)
    sequences = Sequences.of(
        task, modalities, None, card["window"], "none", device, settings.overlap, settings.every_nth
    )
    return predict_over_time(task, model, sequences, card["prior"], settings.training.batch_size)
