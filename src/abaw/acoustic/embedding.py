"""The acoustic model's embeddings at the analysed frames of a video (paper §4.3)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from abaw.acoustic.model import AudioModel
from abaw.acoustic.training import embed_track
from abaw.config import AcousticNetworkConfig
from abaw.speech.audio import read_flac
from abaw.tables.arrays import blocks
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TaskName
from abaw.timeline.interpolation import interpolate, overlap_mean


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
