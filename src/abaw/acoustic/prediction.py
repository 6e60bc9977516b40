"""What a trained acoustic model says of whole tracks, and its embeddings, in one pass (paper §3.2.1, §4.3)."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.acoustic.model import AudioModel, build, steps_per_window
from abaw.acoustic.trunk import Trunk
from abaw.acoustic.voices import Places, Runs
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ
from abaw.acoustic.windows import windows_over
from abaw.config import AcousticNetworkConfig
from abaw.nn import checkpoint
from abaw.nn.runtime import half_on_gpu
from abaw.speech.audio import read_flac
from abaw.tables.arrays import blocks, runs_of
from abaw.tables.schemas import SCHEMAS, VOICED, predictions
from abaw.tasks import TASKS, TaskName
from abaw.timeline.interpolation import interpolate, overlap_mean


class Heard(NamedTuple):
    """What a model says of a track: when each output begins and ends (s, (n,)), the outputs (n, 2 or 8), embeddings."""

    begins: NDArray[np.float64]
    ends: NDArray[np.float64]
    outputs: NDArray[np.float32]
    embeddings: NDArray[np.float32]


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


def hear_samples(
    task: TaskName,
    model: AudioModel,
    settings: AcousticNetworkConfig,
    tracks: Mapping[str, Path],
    device: torch.device,
) -> Iterator[tuple[str, Heard]]:
    """What a model says of each sample, whose 16 kHz tracks are files; neighbours of one track share what it says."""
    last: tuple[Path, Heard] | None = None
    for sample, path in tqdm(tracks.items(), "samples", disable=None):
        if last is None or last[0] != path:
            last = path, hear_track(task, model, read_flac(path), settings, device)
        yield sample, last[1]


def hear_track(
    task: TaskName, model: AudioModel, track: NDArray[np.int16], settings: AcousticNetworkConfig, device: torch.device
) -> Heard:
    """Predict on a whole 16 kHz track, voiced or not."""
    places, trunk = Places.over([track], settings), Trunk(model.encoder, 0, device, keeps=False)
    outputs, embeddings = window_outputs(model, trunk, places, settings.training.batch_size)
    begins, ends, counts = spans_over(task, len(track) / SAMPLE_RATE_HZ, settings)
    return Heard(begins, ends, outputs[counts], embeddings[counts])


def window_outputs(
    model: AudioModel, trunk: Trunk, places: Places, batch_size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Outputs (n * steps, 2 or 8) and embeddings (n * steps, width) of every step of every window, in order."""
    outputs, embeddings = [], []
    with torch.inference_mode(), half_on_gpu(trunk.device):
        for items in np.array_split(np.arange(len(places)), -(-len(places) // batch_size)):
            embedded = model.embed(trunk.steps(places, items), trunk.depth)
            outputs.append(model.outputs(embedded).float().cpu().numpy())
            embeddings.append(embedded.float().cpu().numpy())
    return tuple(np.concatenate(parts).reshape(-1, parts[0].shape[2]) for parts in (outputs, embeddings))  # type: ignore[return-value]


def spans_over(
    task: TaskName, duration_s: float, settings: AcousticNetworkConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """When the predictions on a whole track begin and end (n,), and which of all windows' outputs they are.

    Of the last window, which ends with the track and so does not stand at a step, only those count that reach beyond
    the window before: windows whose outputs lie between each other's would be joined to a saw.
    """
    starts = np.array(windows_over(duration_s, settings.window_s, settings.step_s))
    steps = steps_per_window(task, settings.window_s)
    length = settings.window_s / steps
    begins = starts[:, None] + np.arange(steps) * length
    counts = begins < max(duration_s, length)
    if len(starts) > 1 and starts[-1] != starts[-2] + settings.step_s:
        counts[-1] &= begins[-1] + length / 2 >= starts[-2] + settings.window_s
    counts = counts.ravel()
    return begins.ravel()[counts], begins.ravel()[counts] + length, counts


def prediction_table(task: TaskName, sample: str, heard: Heard, runs: Runs) -> pa.Table:
    """What was heard of one sample as a `predictions` table; voiced is what has its middle in a run."""
    middles = (heard.begins + heard.ends) / 2
    voiced = np.any([(start <= middles) & (middles < end) for start, end in [*runs, (0.0, 0.0)]], axis=0)
    names = pa.array([sample] * len(middles), pa.string())
    columns = {"sample": names, "start_s": heard.begins, "end_s": heard.ends, VOICED: pa.array(voiced)}
    table = pa.table(columns | {name: heard.outputs[:, k] for k, name in enumerate(TASKS[task].outputs)})
    schema = SCHEMAS[predictions(task)]
    return table.select(schema.names).cast(schema)


def embedding_table(heard: Heard, frames: pa.Table) -> pa.Table:
    """The embeddings at the analysed frames of one sample, given as its rows of an `embeddings` table."""
    read = interpolate(*overlap_mean(heard.begins, heard.ends, heard.embeddings), frames["time_s"].to_numpy())
    values = read.astype(np.float16)
    column = pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
    schema = SCHEMAS["voice_embeddings"]
    rows = frames.select([name for name in schema.names if name != "embedding"])
    return rows.append_column("embedding", column).cast(schema)


def tables_of(
    task: TaskName, heard: Iterable[tuple[str, Heard]], voiced: pa.Table, frames: pa.Table | None = None
) -> tuple[pa.Table, pa.Table]:
    """The tables `predictions` and `voice_embeddings` of all samples.

    `voiced` says when each one speaks; the embeddings are at the rows of the `embeddings` table `frames`, in its order,
    and none where it is not given.
    """
    found = [SCHEMAS[predictions(task)].empty_table()]
    embedded, rows = {}, {} if frames is None else dict(blocks(frames))
    for sample, said in heard:
        found.append(prediction_table(task, sample, said, runs_of(voiced, sample)))
        if sample in rows:
            embedded[sample] = embedding_table(said, rows[sample])
    empty = SCHEMAS["voice_embeddings"].empty_table()
    return pa.concat_tables(found), pa.concat_tables([empty, *(embedded[sample] for sample in rows)])
