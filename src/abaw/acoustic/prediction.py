"""What a trained acoustic model says of whole tracks (paper §3.2.1)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from tqdm import tqdm

from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.acoustic.model import AudioModel
from abaw.acoustic.training import build, predict_track, prediction_table
from abaw.config import AcousticNetworkConfig
from abaw.nn import checkpoint
from abaw.speech.audio import read_flac
from abaw.tables.arrays import runs_of
from abaw.tables.schemas import SCHEMAS, predictions
from abaw.tasks import TaskName


def load_acoustic(
    task: TaskName,
    weights: Path,
    card: Mapping[str, Any],
    settings: AcousticNetworkConfig,
    device: torch.device,
    encoder: SpeechEncoder | None = None,
) -> AudioModel:
    """The trained model that `card` describes, on an `encoder` of its form or on that which the settings name."""
    model = build(task, card["architecture"], settings, encoder)
    return checkpoint.load(model, weights, card, model.given).to(device)


def predict_samples(
    task: TaskName,
    model: AudioModel,
    settings: AcousticNetworkConfig,
    tracks: Mapping[str, Path],
    voiced: pa.Table,
    device: torch.device,
) -> pa.Table:
    """The `predictions` table of whole samples, whose 16 kHz tracks are files; `voiced` says when each one speaks."""
    tables = [SCHEMAS[predictions(task)].empty_table()]
    for sample, path in tqdm(tracks.items(), "samples", disable=None):
        found = predict_track(task, model, read_flac(path), settings, device)
        table = prediction_table(task, sample, *found, runs_of(voiced, sample))
        tables.append(table.select(tables[0].column_names).cast(tables[0].schema))
    return pa.concat_tables(tables)
