"""The Parquet tables that pass between the stages: one schema each, checked on every read and every write.

`sample` is the annotation's name, with any `_left` or `_right`; `video` is it without exactly that suffix. `frame`
counts from 1. Times are seconds from the first video frame: frame k begins at (k - 1) / fps,
or at the k-th of the track's `frame_times_s` where the frame rate is variable and these are not null.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from abaw.errors import UserError
from abaw.files import whole_file
from abaw.tasks import TASKS, TaskName

EMBEDDING_SIZE = 256
VOICED = "voiced"
"""Whether the target speaker speaks in a prediction's span; models that do not hear leave the column out: null."""
GROUP_ROWS = 256
"""Rows of a group where a table is written row by row: a few megabytes of crops."""
FIVE_POINTS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
"""The subject's own right and left, in the order of RetinaFace and of insightface's alignment."""


def _schema(required: Mapping[str, pa.DataType], nullable: Mapping[str, pa.DataType] | None = None) -> pa.Schema:
    fields = [pa.field(name, kind, nullable=False) for name, kind in required.items()]
    return pa.schema(fields + [pa.field(name, kind) for name, kind in (nullable or {}).items()])


_ROW = {"sample": pa.string(), "frame": pa.int32()}
_SPAN = {"sample": pa.string(), "start_s": pa.float64(), "end_s": pa.float64()}

SCHEMAS: dict[str, pa.Schema] = {
    "tracks": _schema(
        {
            "sample": pa.string(),
            "video": pa.string(),
            "path": pa.string(),
            "fps_num": pa.int64(),
            "fps_den": pa.int64(),
            "n_frames": pa.int64(),
            "n_rows": pa.int64(),
            "duration_s": pa.float64(),
            "has_audio": pa.bool_(),
            "problems": pa.string(),
        },
        {"side": pa.string(), "frame_times_s": pa.list_(pa.float64())},
    ),
    "labels_va": _schema(_ROW, {"valence": pa.float64(), "arousal": pa.float64()}),
    "labels_expr": _schema(_ROW, {"expression": pa.int8()}),
    "faces": _schema(
        _ROW | {"time_s": pa.float64(), "has_face": pa.bool_()},
        {"score": pa.float32()}
        | {name: pa.float32() for name in ("x0_px", "y0_px", "x1_px", "y1_px")}
        | {f"{point}_{axis}_px": pa.float32() for point in FIVE_POINTS for axis in "xy"}
        | {"mouth_opening": pa.float32(), "mouth_area": pa.float32(), "crop": pa.binary()},
    ),
    "voiced": _schema({"sample": pa.string(), "run": pa.int32(), "start_s": pa.float64(), "end_s": pa.float64()}),
    "embeddings": _schema(
        _ROW | {"time_s": pa.float64(), "has_face": pa.bool_()},
        {"embedding": pa.list_(pa.float16(), EMBEDDING_SIZE)},
    ),
    "voice_embeddings": _schema(
        _ROW | {"time_s": pa.float64(), "has_face": pa.bool_(), "embedding": pa.list_(pa.float16())}
    ),
}
for _task in TASKS.values():
    _outputs = dict.fromkeys(_task.outputs, pa.float32())
    SCHEMAS[f"predictions_{_task.name}"] = _schema(_SPAN | _outputs, {VOICED: pa.bool_()})
    SCHEMAS[f"frames_{_task.name}"] = _schema(_ROW | _outputs)
    SCHEMAS[f"scored_{_task.name}"] = _schema(
        {"variant": pa.string()} | _SPAN | dict.fromkeys(_task.outputs, pa.float64()),
        {f"true_{name}": pa.float64() for name in _task.labels},
    )
SCHEMAS["pretraining"] = _schema(
    {"corpus": pa.string(), "path": pa.string(), "split": pa.string()},
    {"time_s": pa.float64(), "row": pa.int64()}
    | {name: pa.float32() for name in ("x0_px", "y0_px", "x1_px", "y1_px")}
    | {"valence": pa.float64(), "arousal": pa.float64(), "expression": pa.int8(), "subject": pa.string()},
)
SCHEMAS["pretraining_crops"] = _schema(
    {"corpus": pa.string(), "path": pa.string(), "split": pa.string(), "crop": pa.binary()},
    {"time_s": pa.float64(), "row": pa.int64()}
    | {"valence": pa.float64(), "arousal": pa.float64(), "expression": pa.int8()},
)


def write_table(
    kind: str, table: pa.Table, path: str | PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write `table` as a table of `kind` (a key of `SCHEMAS`), whole or not at all; the same rows give the same bytes.

    Columns may come in any order; `metadata` (text to text) travels in the file and comes back with `read_metadata`.
    Raises ValueError where columns, types or nulls are not those of the schema: that is a bug of the caller.
    """
    checked = _checked(kind, table, metadata)
    with whole_file(path) as beside:
        pq.write_table(checked, beside, compression="zstd")


@contextmanager
def table_writer(
    kind: str, path: str | PathLike[str], remarks: Mapping[str, str] | None = None
) -> Iterator[Callable[[Sequence[Mapping[str, Any]]], None]]:
    """Yield a function that appends rows (column to value, every column) to a table like `write_table`'s.

    Rows are written in groups of `GROUP_ROWS`, however they come: memory is bounded and the bytes are the same. The
    table appears whole when the block ends, or not at all. `remarks` are read at that end, and come back with
    `read_metadata`.
    """
    schema = _checked(kind, SCHEMAS[kind].empty_table(), None).schema
    waiting: list[Mapping[str, Any]] = []
    with whole_file(path) as beside, pq.ParquetWriter(beside, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(_checked(kind, _from_rows(kind, waiting), None))
            waiting.clear()

        def write(rows: Sequence[Mapping[str, Any]]) -> None:
            for row in rows:
                waiting.append(row)
                if len(waiting) == GROUP_ROWS:
                    flush()

        yield write
        if waiting:
            flush()
        if remarks:
            writer.add_key_value_metadata(dict(remarks))


def read_table(kind: str, path: str | PathLike[str], columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table of `kind`; `columns` restricts what is loaded. A file of another form is a `UserError`."""
    schema = SCHEMAS[kind]
    try:
        stored = pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} cannot be read as a {kind} table ({error}); delete it and run again") from error
    if not stored.remove_metadata().equals(schema, check_metadata=False):
        raise UserError(
            f"{path} is not a {kind} table of this version: it has the columns {', '.join(stored.names)}, expected "
            f"{', '.join(schema.names)}; delete it and run again"
        )
    table = pq.read_table(path, columns=list(columns) if columns is not None else None)
    _refuse_nulls(kind, table, f"{path}: ")
    return table


def read_tables(kind: str, paths: Sequence[str | PathLike[str]], columns: Sequence[str] | None = None) -> pa.Table:
    """Read several tables of one kind, in the order given, as one table."""
    return pa.concat_tables([read_table(kind, path, columns) for path in paths])


def read_metadata(path: str | PathLike[str]) -> dict[str, str]:
    """The text that `write_table` was given as `metadata`, with the table's kind as `abaw_table`."""
    stored = pq.read_metadata(Path(path)).metadata or {}
    return {key.decode(): value.decode() for key, value in stored.items() if not key.startswith(b"ARROW:")}


def matrix(table: pa.Table, columns: Sequence[str]) -> np.ndarray:
    """The named numeric columns as a float64 array of shape (rows, columns); nulls become NaN."""
    return np.column_stack([table[name].to_numpy().astype(np.float64) for name in columns])


def runs_of(voiced: pa.Table, sample: str) -> list[tuple[float, float]]:
    """The runs (start_s, end_s) of one sample in a `voiced` table."""
    rows = voiced.filter(pc.field("sample") == sample)
    return list(zip(rows["start_s"].to_pylist(), rows["end_s"].to_pylist(), strict=True))


def predictions(task: TaskName) -> str:
    """The kind of the table that every model of `task` writes; only those that hear fill its column `voiced`."""
    return f"predictions_{task}"


def frames(task: TaskName) -> str:
    """The kind of the table of predictions at the rows that labels or template ask for."""
    return f"frames_{task}"


def scored(task: TaskName) -> str:
    """The kind of the table of a model's own windows on validation, with outputs and truth (null where unknown).

    `variant` says which of a model's forms the outputs are of; all have the same windows.
    """
    return f"scored_{task}"


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


def labels(task: TaskName) -> str:
    """The kind of the table of annotations of `task`."""
    return f"labels_{task}"


def _from_rows(kind: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    for row in rows:
        _refuse_columns(kind, list(row))
    return pa.Table.from_pylist(list(rows), schema=SCHEMAS[kind])


def _checked(kind: str, table: pa.Table, metadata: Mapping[str, str] | None) -> pa.Table:
    schema = SCHEMAS[kind]
    if VOICED in schema.names and VOICED not in table.column_names:
        table = table.append_column(VOICED, pa.nulls(len(table), pa.bool_()))
    _refuse_columns(kind, table.column_names)
    _refuse_nulls(kind, table, "")
    table = table.select(schema.names).cast(schema.remove_metadata())
    return table.replace_schema_metadata({"abaw_table": kind, **(metadata or {})})


def _refuse_columns(kind: str, names: Sequence[str]) -> None:
    if set(names) != set(SCHEMAS[kind].names):
        raise ValueError(f"a {kind} table has the columns {SCHEMAS[kind].names}, not {list(names)}")


def _refuse_nulls(kind: str, table: pa.Table, where: str) -> None:
    for field in SCHEMAS[kind]:
        if not field.nullable and field.name in table.column_names and table[field.name].null_count:
            raise ValueError(f"{where}the column {field.name} of a {kind} table has nulls")
