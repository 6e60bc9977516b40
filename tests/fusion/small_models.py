"""Models that know something of the truth, and their frames as tables."""

import numpy as np
import pyarrow as pa

from abaw.metrics import score
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS, TaskName

KEYS = {"val": [("b", 40), ("a_left", 30)], "test": [("t", 25)]}


def data(task: TaskName, n_models=3, n=400, seed=0, unknown=0.1):
    """Models that each know something of the truth, some rows of which are not annotated."""
    rng = np.random.default_rng(seed)
    if task == "va":
        truth = rng.uniform(-1, 1, (n, 2))
        outputs = [0.4 * truth + rng.normal(0.1 * m, 0.3, (n, 2)) for m in range(n_models)]
    else:
        truth = rng.integers(0, 8, n).astype(float)
        outputs = [rng.random((n, 8)) + 0.5 * np.eye(8)[truth.astype(int)] for _ in range(n_models)]
    truth[rng.random(n) < unknown] = np.nan
    return outputs, truth


def measure(task, truth, outputs):
    return score(task, truth, outputs)[TASKS[task].challenge_measure]


def frames_table(task, split, values):
    sizes = KEYS[split]
    keys = {
        "sample": np.repeat([sample for sample, _ in sizes], [n for _, n in sizes]),
        "frame": np.concatenate([np.arange(1, n + 1) for _, n in sizes]),
    }
    outputs = dict(zip(TASKS[task].outputs, values.astype(np.float32).T, strict=True))
    return pa.table(keys | outputs).cast(SCHEMAS[f"frames_{task}"])
