"""Tables as files: Parquet of one schema each, checked on every read and every write, whole or not at all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv

from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tables.schemas import SCHEMAS, VOICED

GROUP_ROWS = 256
"""Rows of a group where a table is written row by row: a few megabytes of crops."""
CSV_DECIMALS = 6
"""Microseconds, and more than half floats know of a value; the Parquet file has all digits."""
BUFFER_BYTES = 1 << 20
"""What is read of a column at once, where the groups of a file are large."""


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


def write_csv(table: pa.Table, path: str | PathLike[str]) -> None:
    """Write a table as CSV (RFC 4180, UTF-8, a header), whole or not at all; nulls are empty.

    Floats are rounded to `CSV_DECIMALS`; columns keep their names and order.
    """
    for place, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            column = pc.round(table[field.name].cast(pa.float64()), CSV_DECIMALS)
            table = table.set_column(place, field.name, column)
    with whole_file(path) as beside:
        csv.write_csv(table, beside, csv.WriteOptions(quoting_style="needed"))


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
    _check_file(kind, path)
    table = pq.read_table(path, columns=list(columns) if columns is not None else None)
    _refuse_nulls(kind, table, f"{path}: ")
    return table


def read_groups(kind: str, path: str | PathLike[str], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of a table of `kind`, `GROUP_ROWS` at a time, so that memory does not grow with the file.

    That is how crops are read: more than 2 GiB of them fit into no array of Arrow's type for bytes.
    """
    yield from (table for _, table in _groups(kind, path, columns))


def read_rows(
    kind: str, path: str | PathLike[str], columns: Sequence[str], rows: NDArray[np.integer]
) -> Iterator[pa.Table]:
    """Yield some rows of a table of `kind`, by their numbers from 0, which rise; a few at a time, as `read_groups`."""
    for begin, table in _groups(kind, path, columns, rows):
        first, last = np.searchsorted(rows, [begin, begin + len(table)])
        if first < last:
            yield table.take(pa.array(rows[first:last] - begin))


def _groups(
    kind: str, path: str | PathLike[str], columns: Sequence[str], rows: NDArray[np.integer] | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """Parts of a table with the number of their first row; parts of the file that hold none of `rows` are not read."""
    _check_file(kind, path)
    with pq.ParquetFile(path, buffer_size=BUFFER_BYTES) as stored:
        begin = 0
        for number in range(stored.num_row_groups):
            end = begin + stored.metadata.row_group(number).num_rows
            if rows is None or np.searchsorted(rows, begin) < np.searchsorted(rows, end):
                for batch in stored.iter_batches(GROUP_ROWS, [number], list(columns)):
                    table = pa.Table.from_batches([batch])
                    _refuse_nulls(kind, table, f"{path}: ")
                    yield begin, table
                    begin += len(table)
            begin = end


def _check_file(kind: str, path: str | PathLike[str]) -> None:
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


def read_tables(kind: str, paths: Sequence[str | PathLike[str]], columns: Sequence[str] | None = None) -> pa.Table:
    """Read several tables of one kind, in the order given, as one table."""
    return pa.concat_tables([read_table(kind, path, columns) for path in paths])


def read_metadata(path: str | PathLike[str]) -> dict[str, str]:
    """The text that `write_table` was given as `metadata`, with the table's kind as `abaw_table`."""
    stored = pq.read_metadata(Path(path)).metadata or {}
    return {key.decode(): value.decode() for key, value in stored.items() if not key.startswith(b"ARROW:")}


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
