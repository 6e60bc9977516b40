"""What a trained transformer over time says of embeddings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from abaw.config import DynamicNetworkConfig
from abaw.dynamic.model import DynamicModel
from abaw.dynamic.training import Sequences, predict_over_time
from abaw.nn import checkpoint
from abaw.tasks import TaskName


def predict_dynamic(
    task: TaskName,
    weights: Path,
    card: Mapping[str, Any],
    settings: DynamicNetworkConfig,
    embeddings: Sequence[pa.Table],
    device: torch.device,
) -> pa.Table:
    """The `predictions` table of embeddings, tables of the same frames, by the model; see `predict_over_time`."""
    model = checkpoint.load(DynamicModel(task, settings, card["width"]), weights, card).to(device)
    sequences = Sequences.of(
        task, embeddings, None, card["window"], card["normaliser"], device, settings.overlap, settings.every_nth
    )
    return predict_over_time(task, model, sequences, card["prior"], settings.training.batch_size)
