"""What a trained acoustic model says of whole tracks, and its embeddings at the analysed frames (paper §4.3)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from tqdm import tqdm

from abaw.acoustic.encoder import Wav2Vec2Model
from abaw.acoustic.model import AudioModel
from abaw.acoustic.training import build, embed_track, predict_track, prediction_table
from abaw.config import AcousticNetworkConfig
from abaw.nn import checkpoint
from abaw.speech.audio import read_flac
from abaw.tables.arrays import blocks, runs_of
from abaw.tables.schemas import SCHEMAS, predictions
from abaw.tasks import TaskName
from abaw.timeline.interpolation import interpolate, overlap_mean


def load_acoustic(
    task: TaskName,
    weights: Path,
    card: Mapping[str, Any],
    settings: AcousticNetworkConfig,
    device: torch.device,
    encoder: Wav2Vec2Model | None = None,
) -> AudioModel:
    """The trained model that `card` describes, on an `encoder` of its form or on that which the settings name."""
    model = build(task, card["architecture"], settings, encoder)
    return checkpoint.load(model, weights, card).to(device)


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


def embed_samples(
    task: TaskName,
    model: AudioModel,
    settings: AcousticNetworkConfig,
    tracks: Mapping[str, Path],
    frames: pa.Table,
    device: torch.device,
) -> Iterator[pa.Table]:
    """The `voice_embeddings` table of each sample of an `embeddings` table, at its frames and in its order."""
    for sample, block in blocks(frames):
        found = embed_track(task, model, read_flac(tracks[sample]), settings, device)
        values = interpolate(*overlap_mean(*found), block["time_s"].to_numpy()).astype(np.float16)
        column = pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
        yield block.drop(["embedding"]).append_column("embedding", column).cast(SCHEMAS["voice_embeddings"])
