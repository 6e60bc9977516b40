"""A small corpus with candidates of models, as files: what nested estimates read."""

import numpy as np
import pyarrow as pa

from abaw.corpus.layout import video_of
from abaw.tables.arrays import candidates_table
from abaw.tables.files import write_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS, task_named

ROWS, RATE_HZ = 30, 5


def truth_of(task, samples, seed):
    """A truth of each row of the samples, (n, 2 or 1), of which nothing is unknown."""
    rng, n = np.random.default_rng(seed), len(samples) * ROWS
    return rng.uniform(-1, 1, (n, 2)) if task_named(task) == "va" else rng.integers(0, 8, (n, 1)).astype(float)


def write_split(folder, name, split, samples, truth):
    """Tracks and labels of a split, as results/corpus has them; `name` may be that of a fold."""
    task, place = task_named(name), folder / "results" / "corpus" / name / split
    place.mkdir(parents=True)
    about = {"path": "p", "fps_num": RATE_HZ, "fps_den": 1, "n_frames": ROWS, "n_rows": ROWS}
    about |= {"duration_s": ROWS / RATE_HZ, "has_audio": True, "problems": "", "side": None, "frame_times_s": None}
    tracks = [about | {"sample": sample, "video": video_of(sample)} for sample in samples]
    write_table("tracks", pa.Table.from_pylist(tracks, schema=SCHEMAS["tracks"]), place / "tracks.parquet")
    keys = {"sample": np.repeat(samples, ROWS), "frame": np.tile(np.arange(1, ROWS + 1), len(samples))}
    labels = dict(zip(TASKS[task].labels, truth.T, strict=True))
    schema = SCHEMAS[f"labels_{task}"]
    write_table(f"labels_{task}", pa.table(keys | labels).cast(schema), place / "labels.parquet")


def said_by(task, truth, n_candidates, seed):
    """Outputs (candidates, n, 2 or 8) that know the truth of some samples better than that of others."""
    rng = np.random.default_rng(seed)
    known = truth if task == "va" else 4 * np.eye(8)[truth[:, 0].astype(int)]
    how_well = rng.random((n_candidates, len(truth) // ROWS)).repeat(ROWS, axis=1)[..., None]
    outputs = known * how_well + rng.normal(0, 0.5, (n_candidates, *known.shape))
    return (outputs.clip(-1, 1) if task == "va" else outputs).astype(np.float16)


def write_candidates(path, task, samples, truth, outputs, fitted_on="train; epoch on val"):
    """A table of candidates with a prediction for each row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times_s = np.tile(np.arange(ROWS) / RATE_HZ, len(samples))
    table = candidates_table(np.repeat(samples, ROWS), times_s, times_s, outputs, truth, task)
    write_table(f"candidates_{task}", table, path, {"fitted_on": fitted_on})
