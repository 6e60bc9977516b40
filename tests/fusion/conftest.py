"""Models of a small project to fuse, as tables on the disk."""

import numpy as np
import pyarrow as pa
import pytest
from small_models import data, frames_table

from abaw.tables.files import write_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS

FITTED = {"fitted_on": "train; epoch on val"}


@pytest.fixture
def project(tmp_path):
    """Two models' frames of both splits and labels of validation and training, as files."""

    def make(task):
        outputs, truth = data(task, 2, 70, seed=2)
        tests, _ = data(task, 2, 25, seed=3)
        for model, val, test in zip(("visual", "acoustic"), outputs, tests, strict=True):
            write_table(f"frames_{task}", frames_table(task, "val", val), tmp_path / f"{model}_val.parquet", FITTED)
            write_table(f"frames_{task}", frames_table(task, "test", test), tmp_path / f"{model}_test.parquet", FITTED)
        keys = frames_table(task, "val", np.zeros((70, len(TASKS[task].outputs)))).select(["sample", "frame"])
        rows = zip(keys.to_pylist(), truth.reshape(70, -1).tolist(), strict=True)
        cast = float if task == "va" else int
        labels = [
            row
            | {
                name: None if value != value else cast(value)
                for name, value in zip(TASKS[task].labels, own, strict=True)
            }
            for row, own in rows
        ]
        labels.insert(0, {"sample": "of training", "frame": 1} | dict.fromkeys(TASKS[task].labels, 1))
        write_table(
            f"labels_{task}",
            pa.Table.from_pylist(labels, schema=SCHEMAS[f"labels_{task}"]),
            tmp_path / "labels.parquet",
        )
        return (
            [np.float32(one).astype(float) for one in outputs],
            [np.float32(one).astype(float) for one in tests],
            truth,
        )

    return make
