"""Tables as arrays, and arrays as tables: columns, labels at given frames, the rows of each sample as one block."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, DTypeLike, NDArray

from abaw.running.errors import UserError
from abaw.tables.schemas import SCHEMAS, frames
from abaw.tasks import TASKS, TaskName

KEYS = ["sample", "frame"]
SMALLEST = 1e-6
"""Probabilities below this count as this, so that their logarithm is finite."""


def matrix(table: pa.Table, columns: Sequence[str]) -> np.ndarray:
    """The named numeric columns as a float64 array of shape (rows, columns); nulls become NaN."""
    return np.column_stack([table[name].to_numpy().astype(np.float64) for name in columns])


def logits_of(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithms (n, classes) of probabilities, which need not sum to one."""
    return np.log(np.maximum(probabilities, SMALLEST))


def runs_of(voiced: pa.Table, sample: str) -> list[tuple[float, float]]:
    """The runs (start_s, end_s) of one sample in a `voiced` table."""
    rows = voiced.filter(pc.field("sample") == sample)
    return list(zip(rows["start_s"].to_pylist(), rows["end_s"].to_pylist(), strict=True))


def labels_by_sample(task: TaskName, labels: pa.Table) -> dict[str, NDArray[np.float64]]:
    """Each sample's labels as (n_rows, n_label_columns), row k - 1 for frame k, NaN where nothing was annotated."""
    return {sample: matrix(rows, TASKS[task].labels) for sample, rows in blocks(labels)}


def majority(flags: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """1 where a flag is there in half or more of those that are known along an axis, else 0; NaN where none is."""
    known = ~np.isnan(flags)
    there, n = np.nansum(flags, axis=axis), known.sum(axis=axis)
    return np.where(n > 0, (2 * there >= n).astype(np.float64), np.nan)


def labels_at(labels: NDArray[np.float64], frames: NDArray[np.integer]) -> NDArray[np.float64]:
    """The labels (n_rows, n_columns) at frames (n,), counted from 1; NaN for a frame beyond the last row."""
    inside = (frames >= 1) & (frames <= len(labels))
    found = np.full((len(frames), labels.shape[1]), np.nan)
    found[inside] = labels[frames[inside] - 1]
    return found


def embedding_matrix(table: pa.Table, dtype: DTypeLike = np.float32, name: str = "embedding") -> NDArray[Any]:
    """The embeddings of a table as (n_rows, width), zeros where a row has none; a face's are 256 wide."""
    column = table[name]
    fixed = pa.types.is_fixed_size_list(column.type)
    width = column.type.list_size if fixed else pc.max(pc.list_value_length(column)).as_py() or 0
    found = np.zeros((len(column), width), dtype)
    begin = 0
    for chunk in column.chunks:  # one after the other: joined, they would stand in memory twice
        known = chunk.is_valid().to_numpy(zero_copy_only=False)
        found[begin : begin + len(chunk)][known] = chunk.drop_null().flatten().to_numpy().reshape(known.sum(), width)
        begin += len(chunk)
    return found


def features_rows(rows: pa.Table, values: NDArray[np.floating], known: NDArray[np.bool_]) -> pa.Table:
    """The `features` table of some analysed frames, `values` (n, width) where they are `known` (n,), null elsewhere."""
    half = np.ascontiguousarray(values, np.float16)
    lists = pa.FixedSizeListArray.from_arrays(half.ravel(), half.shape[1], mask=pa.array(~known))
    columns = {name: rows[name] for name in ("sample", "frame", "time_s")} | {"has_face": pa.array(known)}
    return pa.table(columns | {"embedding": lists.cast(pa.list_(pa.float16()))}).cast(SCHEMAS["features"])


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


def rows_by_sample(samples: pa.ChunkedArray) -> dict[str, NDArray[np.int64]]:
    """The row numbers of each sample, rising, in the order of the samples' first appearance."""
    encoded = samples.combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    names = encoded.dictionary.to_pylist()
    return dict(zip(names, np.split(order, np.cumsum(np.bincount(codes))[:-1]), strict=True)) if names else {}


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
    names = pa.array(sorted(pc.unique(keys["sample"]).to_pylist()), pa.string())
    ours = labels.filter(pc.is_in(labels["sample"], names))
    annotated, asked = _places(ours, names), _places(keys, names)
    if len(missing := np.setdiff1d(annotated, asked)):
        sample, frame = divmod(int(missing[0]), _MOST_FRAMES)
        raise UserError(f"frame {frame} of the sample {names[sample]} has a label but no prediction; align again")
    order = np.argsort(annotated, kind="stable")
    at = np.minimum(np.searchsorted(annotated, asked, sorter=order), len(order) - 1)
    found = np.full((len(asked), len(TASKS[task].labels)), np.nan)
    if len(order):
        known = annotated[order[at]] == asked
        found[known] = matrix(ours, TASKS[task].labels)[order[at[known]]]
    return found


_MOST_FRAMES = 2**31


def _places(table: pa.Table, names: pa.Array) -> NDArray[np.int64]:
    """A number for each row's sample and frame, rising with both; a sample's is its place among `names`."""
    return pc.index_in(table["sample"], names).to_numpy().astype(np.int64) * _MOST_FRAMES + table["frame"].to_numpy()


def videos_of(keys: pa.Table, tracks: pa.Table) -> NDArray[np.int64]:
    """The number of each row's video, (n,), in the order of the videos' names; `tracks` say which samples it has."""
    _, of_track = np.unique(tracks["video"].to_numpy().astype(str), return_inverse=True)
    return of_track[pc.index_in(keys["sample"], tracks["sample"].combine_chunks()).to_numpy()]


def scored_table(
    task: TaskName,
    variant: str,
    samples: ArrayLike,
    start_s: NDArray[np.float64],
    end_s: NDArray[np.float64],
    outputs: NDArray[np.floating],
    truth: NDArray[np.float64],
) -> pa.Table:
    """A `scored` table: spans (n,), outputs (n, 2 or 8) and truth (n, 2 or 1), which becomes null where it is NaN."""
    names = pa.array(list(np.asarray(samples, object)), pa.string())
    columns: dict[str, Any] = {"variant": pa.array([variant] * len(names), pa.string()), "sample": names}
    columns |= {"start_s": start_s, "end_s": end_s}
    columns |= {name: outputs[:, k].astype(np.float64) for k, name in enumerate(TASKS[task].outputs)}
    columns |= {f"true_{name}": pa.array(truth[:, k], from_pandas=True) for k, name in enumerate(TASKS[task].labels)}
    return pa.table(columns)


def candidates_table(
    samples: ArrayLike,
    start_s: NDArray[np.float64],
    end_s: NDArray[np.float64],
    outputs: NDArray[np.floating],
    truth: NDArray[np.float64],
    task: TaskName,
    chooses: ArrayLike = True,
    predicts: ArrayLike = True,
) -> pa.Table:
    """A `candidates` table: spans (n,), outputs (candidates, n, 2 or 8), truth (n, 2 or 1), NaN where unknown."""
    n = len(start_s)
    flat = np.ascontiguousarray(np.moveaxis(outputs, 0, 1), np.float16).reshape(n, -1)
    offsets = np.arange(n + 1, dtype=np.int32) * flat.shape[1]
    columns: dict[str, Any] = {"sample": pa.array(list(np.asarray(samples, object)), pa.string())}
    columns |= {"start_s": start_s, "end_s": end_s}
    columns |= {"chooses": np.broadcast_to(chooses, n), "predicts": np.broadcast_to(predicts, n)}
    columns["outputs"] = pa.ListArray.from_arrays(offsets, pa.array(flat.ravel()))
    columns |= {f"true_{name}": pa.array(truth[:, k], from_pandas=True) for k, name in enumerate(TASKS[task].labels)}
    return pa.table(columns)


def candidate_outputs(task: TaskName, table: pa.Table) -> NDArray[np.float16]:
    """The outputs (candidates, n, 2 or 8) of a `candidates` table."""
    column = table["outputs"].combine_chunks()
    values = column.flatten().to_numpy().reshape(len(table), -1, len(TASKS[task].outputs))
    return np.moveaxis(values, 1, 0)
