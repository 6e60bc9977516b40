"""Tables of AffWild2's shape for benchmarks/full_size.py: real names, frame rates and numbers of rows, values made up.

Values move as slowly as annotators and models do, each video about a level of its own; the models' outputs know
something of the truth. What networks would have written is written here: embeddings, predictions, trained attention.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from abaw.attention.model import AttentionFusion
from abaw.config import Config, CorpusConfig
from abaw.corpus.index import index_split
from abaw.corpus.layout import Layout
from abaw.dynamic.windows import frames_of_window
from abaw.nn import checkpoint
from abaw.nn.training import History
from abaw.tables.arrays import frames_table, scored_table
from abaw.tables.files import write_table
from abaw.tables.priors import label_prior
from abaw.tables.schemas import EMBEDDING_SIZE, SCHEMAS, frames, labels, predictions, scored
from abaw.tasks import SPLITS, TASKS, Split, TaskName
from abaw.timeline.rows import rows_of

Array = NDArray[np.float64]

ROWS: dict[tuple[TaskName, Split], int] = {
    ("va", "train"): 1_682_057,
    ("va", "val"): 382_021,
    ("va", "test"): 927_210,
    ("expr", "test"): 1_022_655,
}
"""Rows of AffWild2 (docs/scale.md); the rows of the other splits of the expressions follow from their videos."""
LABELLED = {"train": 597_361, "val": 284_230}
"""Of the expressions' rows."""
VOICE_WIDTH = 1024
"""Of PDEM's embeddings."""
WITHOUT_FACE = 0.05
MADE_UP = "nothing, made up"
STEADY_S, JUMPY_S = 1.5, 0.4
"""How far apart the points are between which a made-up truth, and a made-up error, move in a straight line."""


@dataclass(frozen=True)
class Made:
    """One split: its tracks, and for each row its track, frame and truth (n, 2) or (n, 1), NaN where not annotated."""

    task: TaskName
    split: Split
    tracks: pa.Table
    of_row: NDArray[np.int64]
    frame: NDArray[np.int64]
    time_s: Array
    truth: Array

    def names(self, rows: NDArray[np.int64]) -> NDArray[np.object_]:
        """The sample of each of some rows."""
        return np.array(self.tracks["sample"].to_pylist(), dtype=object)[self.of_row[rows]]


def write_tables(folder: Path, config: Config, layout: Layout, share: float, seed: int) -> dict[str, int]:
    """Write all tables into `folder`, each track as long as `share` says; how many rows each split has."""
    rng = np.random.default_rng(seed)
    counts = {}
    for task in TASKS:
        made = {split: _made(task, split, layout, config.corpus, share, rng) for split in SPLITS}
        for one in made.values():
            _write_split(folder, config, one, rng)
            counts[f"{task} {one.split}"] = len(one.frame)
        _write_trainings(folder, config, task, made["train"], rng)
        _write_template(Path(config.corpus.templates), layout, made["test"])
    return counts


def _made(
    task: TaskName, split: Split, layout: Layout, corpus: CorpusConfig, share: float, rng: np.random.Generator
) -> Made:
    tracks = index_split(layout, task, split, corpus).tracks
    n_rows = tracks["n_rows"].to_numpy()
    whole = ROWS.get((task, split), n_rows.sum())
    edges = np.round(np.cumsum(n_rows) * (share * whole / n_rows.sum())).astype(int)
    n_rows = np.maximum(np.diff(edges, prepend=0), 30)
    tracks = tracks.set_column(tracks.column_names.index("n_rows"), "n_rows", pa.array(n_rows))
    of_row = np.repeat(np.arange(len(n_rows)), n_rows)
    frame = np.concatenate([np.arange(1, n + 1) for n in n_rows])
    time_s = np.concatenate([row.times_s() for row in rows_of(tracks)])
    levels = rng.normal(0, 0.4, (len(n_rows), len(TASKS[task].outputs)))[of_row]
    values = levels + 0.4 * _moving(len(frame), levels.shape[1], STEADY_S, rng)
    if task == "va":
        truth = np.round(np.tanh(values), 3)
    else:
        truth = values.argmax(axis=1)[:, None].astype(float)
        annotated = _moving(len(frame), 1, 20, rng)[:, 0]
        known = min(1.0, share * LABELLED.get(split, 0) / len(frame))
        truth[annotated > np.quantile(annotated, known)] = np.nan
    return Made(task, split, tracks, of_row, frame, time_s, truth)


def _moving(n_rows: int, width: int, every_s: float, rng: np.random.Generator) -> Array:
    """Lines through random points that are so many seconds apart at 30 rows a second, (n_rows, width)."""
    at = np.arange(n_rows) / (every_s * 30)
    points = rng.normal(size=(int(at[-1]) + 2, width))
    return np.column_stack([np.interp(at, np.arange(len(points)), column) for column in points.T])


def _write_split(folder: Path, config: Config, made: Made, rng: np.random.Generator) -> None:
    task, split = made.task, made.split
    write_table("tracks", made.tracks, folder / f"results/corpus/{task}/{split}/tracks.parquet")
    every = np.arange(len(made.frame))
    columns = {name: pa.array(made.truth[:, k], from_pandas=True) for k, name in enumerate(TASKS[task].labels)}
    table = pa.table({"sample": made.names(every), "frame": made.frame} | columns).cast(SCHEMAS[labels(task)])
    write_table(labels(task), table, folder / f"results/corpus/{task}/{split}/labels.parquet")

    analysed = _firsts(made, config.faces.analysis_rate_hz)
    face = (rng.random(len(analysed)) >= WITHOUT_FACE) | (made.frame[analysed] == 1)
    seen = made.time_s[analysed[face]]
    _write_predictions(folder, made, "visual", analysed[face], seen, seen, rng)
    seconds = _firsts(made, 1)
    twice = np.sort(np.concatenate([seconds, seconds]))  # windows of 4 s every 2 s say everything twice
    begins = np.floor(made.time_s[twice])
    _write_predictions(folder, made, "acoustic", twice, begins, begins + 1, rng)
    if split == "val":
        _write_windows(folder, config, made, seconds, rng)
        _write_nested(folder, config, made, table, rng)

    basis = rng.normal(size=(64, EMBEDDING_SIZE + VOICE_WIDTH)).astype(np.float32)
    latent = _moving(len(analysed), basis.shape[0], JUMPY_S / 6, rng).astype(np.float32)
    known = _outputs(made, analysed, rng).astype(np.float32)
    latent[:, : known.shape[1]] += 2 * known
    backbone = getattr(config.static.backbones, task).folder
    keys = {"sample": made.names(analysed), "frame": made.frame[analysed], "time_s": made.time_s[analysed]}
    for kind, name, part in (
        ("embeddings", backbone, slice(0, EMBEDDING_SIZE)),
        ("voice_embeddings", "acoustic", slice(EMBEDDING_SIZE, None)),
    ):
        values = (latent @ basis[:, part]).astype(np.float16)
        width = values.shape[1]
        if kind == "embeddings":
            column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), width, mask=pa.array(~face))
        else:
            column = pa.ListArray.from_arrays(np.arange(0, values.size + 1, width), pa.array(values.ravel()))
        table = pa.table(keys | {"has_face": face, "embedding": column}).cast(SCHEMAS[kind])
        path = folder / f"results/embeddings/{task}/{name}/{split}.parquet"
        write_table(kind, table, path, {"fitted_on": MADE_UP})


def _firsts(made: Made, rate_hz: float) -> NDArray[np.int64]:
    """The first row of each track at or after each multiple of the rate's period."""
    period = np.floor(made.time_s * rate_hz + 1e-9)
    return np.flatnonzero(np.diff(period + 10**7 * made.of_row, prepend=-1) != 0)


def _outputs(made: Made, rows: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """What a model says at some rows, knowing something of the truth: values in [-1, 1], or eight logits."""
    width = len(TASKS[made.task].outputs)
    error = (
        0.5 * _moving(len(rows), width, JUMPY_S, rng) + rng.normal(0, 0.3, (len(made.tracks), width))[made.of_row[rows]]
    )
    if made.task == "va":
        return np.tanh(0.6 * made.truth[rows] + error)
    classes = np.nan_to_num(made.truth[rows, 0], nan=0).astype(int)
    return 2 * error + 1.5 * np.eye(width)[classes]


def _write_predictions(
    folder: Path,
    made: Made,
    model: str,
    rows: NDArray[np.int64],
    start_s: Array,
    end_s: Array,
    rng: np.random.Generator,
) -> None:
    said = _outputs(made, rows, rng).astype(np.float32)
    columns: dict[str, Any] = {"sample": made.names(rows), "start_s": start_s, "end_s": end_s}
    columns |= {name: said[:, k] for k, name in enumerate(TASKS[made.task].outputs)}
    about = {"model_sha256": hashlib.sha256().hexdigest(), "fitted_on": MADE_UP}
    about["units"] = "value" if made.task == "va" else "logit"
    path = folder / f"results/predictions/{made.task}/{model}/{made.split}.parquet"
    write_table(predictions(made.task), pa.table(columns), path, about)


def _write_windows(folder: Path, config: Config, made: Made, rows: NDArray[np.int64], rng: np.random.Generator) -> None:
    """The acoustic models' own windows, a second each."""
    begins, names = made.time_s[rows], made.names(rows)
    tables = [
        scored_table(made.task, name, names, begins, begins + 1, _outputs(made, rows, rng), made.truth[rows])
        for name in config.acoustic.architectures
    ]
    path = folder / f"results/acoustic/{made.task}/best/scored.parquet"
    write_table(scored(made.task), pa.concat_tables(tables), path, {"fitted_on": MADE_UP})


def _write_nested(folder: Path, config: Config, made: Made, keys: pa.Table, rng: np.random.Generator) -> None:
    """What each system would say of videos on which nothing of it was chosen."""
    for system in config.systems:
        said = _outputs(made, np.arange(len(made.frame)), rng)
        table = frames_table(made.task, keys, said if made.task == "va" else softmax(said, axis=1))
        path = folder / f"results/nested/{made.task}/{system}.parquet"
        write_table(frames(made.task), table, path, {"fitted_on": MADE_UP})


def _write_trainings(folder: Path, config: Config, task: TaskName, train: Made, rng: np.random.Generator) -> None:
    """Attention over faces and voice with random weights, and learning curves of every network."""
    torch.manual_seed(0)
    prior = label_prior(task, train.truth if task == "va" else train.truth[:, 0])
    every_nth = config.attention.network.every_nth
    window = frames_of_window(config.attention.window_s, config.faces.analysis_rate_hz, every_nth)
    for mechanism in config.attention.mechanisms:
        model = AttentionFusion(task, mechanism, config.attention.network, [EMBEDDING_SIZE, VOICE_WIDTH]).eval()
        card = {"window": window, "mechanism": mechanism, "widths": [EMBEDDING_SIZE, VOICE_WIDTH], "prior": prior}
        card |= {"fitted_on": MADE_UP}
        place = folder / f"results/attention/{task}/{mechanism}"
        place.mkdir(parents=True)
        checkpoint.save(model, card, place / "model.safetensors", place / "card.json")
    sweep = config.dynamic.sweep
    cells = [(window_s, normaliser) for normaliser in sweep.normalisers for window_s in sweep.windows_s]
    networks = [
        f"static/{task}/{getattr(config.static.backbones, task).folder}",
        *(f"{stage}/{task}/best" for stage in ("dynamic", "acoustic")),
        *(f"attention/{task}/{mechanism}" for mechanism in config.attention.mechanisms),
        *(f"dynamic/{task}/{window_s}s_{normaliser}" for window_s, normaliser in cells),
    ]
    measure = TASKS[task].challenge_measure
    for network in networks:
        epochs = [{"train_loss": 1 / n, measure: float(rng.random())} for n in range(1, 31)]
        History(epochs, 10, measure).write(folder / f"results/{network}/history.csv")
    path = folder / f"results/report/sweep_{task}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        lines = csv.writer(handle, lineterminator="\n")
        lines.writerow(("task", "window_s", "normaliser", "measure", "value", "best_epoch", "chosen", "fitted_on"))
        lines.writerows((task, *cell, measure, "0.5", 10, 0, MADE_UP) for cell in cells)


def _write_template(folder: Path, layout: Layout, test: Made) -> None:
    path = Path(layout.templates[test.task])
    names = test.names(np.arange(len(test.frame)))
    rows = (f"{name}/{frame:05d}.jpg," for name, frame in zip(names, test.frame.tolist(), strict=True))
    path.write_text("\n".join([TASKS[test.task].header, *rows, ""]), encoding="utf-8")
