"""Tables as arrays: the labels at given frames, and the rows of each sample as one block."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from abaw.errors import UserError
from abaw.tables import SCHEMAS, frames, matrix
from abaw.tasks import TASKS, TaskName

KEYS = ["sample", "frame"]


def labels_by_sample(task: TaskName, labels: pa.Table) -> dict[str, NDArray[np.float64]]:
    """Each sample's labels as (n_rows, n_label_columns), row k - 1 for frame k, NaN where nothing was annotated."""
    return {sample: matrix(rows, TASKS[task].labels) for sample, rows in blocks(labels)}


def labels_at(labels: NDArray[np.float64], frames: NDArray[np.integer]) -> NDArray[np.float64]:
    """The labels (n_rows, n_columns) at frames (n,), counted from 1; NaN for a frame beyond the last row."""
    inside = (frames >= 1) & (frames <= len(labels))
    found = np.full((len(frames), labels.shape[1]), np.nan)
    found[inside] = labels[frames[inside] - 1]
    return found


def embedding_matrix(table: pa.Table) -> NDArray[np.float32]:
    """The embeddings of a table as (n_rows, width), zeros where a row has none; a face's are 256 wide."""
    column = table["embedding"].combine_chunks()
    known = column.is_valid().to_numpy(zero_copy_only=False)
    values = column.drop_null().flatten().to_numpy()
    width = column.type.list_size if pa.types.is_fixed_size_list(column.type) else len(values) // max(1, known.sum())
    found = np.zeros((len(column), width), dtype=np.float32)
    found[known] = values.reshape(-1, width)
    return found


def blocks(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each sample, in the order of first appearance; a sample's rows must stand together."""
    if not len(table):
        return
    codes = pc.dictionary_encode(table["sample"].combine_chunks())
    indices = codes.indices.to_numpy()
    starts = np.flatnonzero(np.diff(indices, prepend=-1))
    names = codes.dictionary.to_pylist()
    if len(starts) != len(names):
        raise ValueError("the rows of a sample do not stand together")
    for start, end in zip(starts, [*starts[1:], len(table)], strict=True):
        yield names[indices[start]], table.slice(start, end - start)


def frames_table(task: TaskName, keys: pa.Table, values: np.ndarray) -> pa.Table:
    """The frames table of `task` with the sample and frame of each row of `keys` and its `values` (n, outputs)."""
    schema = SCHEMAS[frames(task)]
    columns = [keys["sample"], keys["frame"], *np.asarray(values, np.float32).T]
    return pa.table(dict(zip(schema.names, columns, strict=True))).cast(schema)


def truth_at(task: TaskName, keys: pa.Table, labels: pa.Table) -> np.ndarray:
    """The labels of `task` at the rows of `keys` (sample, frame), in their order: shape (n, labels), NaN without one.

    Labels of other samples are left out. Raises `UserError` where a labelled row of these samples is not among
    `keys`: it would go unscored.
    """
    ours = labels.filter(pc.is_in(labels["sample"], pc.unique(keys["sample"])))
    missing = ours.select(KEYS).join(keys.select(KEYS), KEYS, join_type="left anti")
    if missing.num_rows:
        first = missing.sort_by([(key, "ascending") for key in KEYS]).slice(0, 1).to_pylist()[0]
        raise UserError(
            f"frame {first['frame']} of the sample {first['sample']} has a label but no prediction; align again"
        )
    order = keys.select(KEYS).append_column("order", pa.array(np.arange(keys.num_rows)))
    joined = order.join(ours, KEYS, join_type="left outer").sort_by("order")
    return matrix(joined, TASKS[task].labels)
