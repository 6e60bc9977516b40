"""What is said of a sample of which nothing is known: the mean of the training labels, or the shares of the classes."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from abaw.tables.schemas import VOICED
from abaw.tasks import TASKS, TaskName


def label_prior(task: TaskName, labels: NDArray[np.float64]) -> dict[str, float]:
    """The mean of the training labels; of classes, the log share of each, one added to each count.

    `labels` are (n, outputs), or (n,) numbers of classes, NaN where unknown.
    """
    names, classes = TASKS[task].outputs, TASKS[task].kind == "classes"
    known = labels[~np.isnan(labels)] if classes else labels[~np.isnan(labels).any(axis=1)]
    if not classes:
        return dict(zip(names, known.mean(axis=0).tolist(), strict=True))
    counts = np.bincount(known.astype(int), minlength=len(names)) + 1
    return dict(zip(names, np.log(counts / counts.sum()).tolist(), strict=True))


def predictions_table(
    task: TaskName,
    samples: ArrayLike,
    start_s: NDArray[np.float64],
    end_s: NDArray[np.float64],
    outputs: NDArray[np.floating],
    asked: Iterable[str],
    prior: Mapping[str, float],
    voiced: NDArray[np.bool_] | None = None,
) -> pa.Table:
    """A `predictions` table, in order, of outputs (n, 2 or 8) over spans of samples, (n,) each.

    Every sample of `asked` that has no output gets one prediction at time 0, the `prior`. Models that hear say by
    `voiced` (n,) where the target speaker speaks.
    """
    unseen = sorted(set(asked) - set(np.asarray(samples, object)))
    names = TASKS[task].outputs
    zeros = np.zeros(len(unseen))
    values = np.concatenate([outputs, np.tile([[prior[name] for name in names]], (len(unseen), 1))]).astype(np.float32)
    columns = {
        "sample": pa.array([*np.asarray(samples, object), *unseen], pa.string()),
        "start_s": np.concatenate([start_s, zeros]),
        "end_s": np.concatenate([end_s, zeros]),
    }
    if voiced is not None:
        columns[VOICED] = np.concatenate([voiced, zeros.astype(bool)])
    table = pa.table(columns | {name: values[:, k] for k, name in enumerate(names)})
    return table.sort_by([("sample", "ascending"), ("start_s", "ascending")])
