"""What a trained transformer over time says of embeddings."""

from collections.abc import Mapping
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
    embeddings: pa.Table,
    device: torch.device,
) -> pa.Table:
    """The `predictions` table of an `embeddings` table by the model that `card` describes; see `predict_over_time`."""
    model = checkpoint.load(DynamicModel(task, settings), weights, card).to(device)
    sequences = Sequences.of(task, [embeddings], None, card["window"], card["normaliser"], device)
    return predict_over_time(task, model, sequences, card["prior"], settings.training.batch_size)
