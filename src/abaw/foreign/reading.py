"""Tables that other programs have written: CSV or Parquet, known columns only, every value there and a number."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from abaw.running.errors import UserError

SUFFIXES = (".parquet", ".csv")
_PANDAS_INDEX = "__index_level_"
"""How pandas calls the numbers of rows that it writes along."""


def find_table(folder: Path, stem: str) -> Path:
    """The one file `stem` of a folder, in either form; `UserError` where there is none, or both."""
    found = [path for path in (folder / f"{stem}{suffix}" for suffix in SUFFIXES) if path.is_file()]
    if len(found) == 1:
        return found[0]
    expected = " or ".join(f"{stem}{suffix}" for suffix in SUFFIXES)
    if not found:
        there = f"the folder {folder} has no {expected}" if folder.is_dir() else f"there is no folder {folder}"
        raise UserError(f"{there}, expected one; write it there, or give another folder (docs/foreign.md)")
    raise UserError(f"the folder {folder} has both {expected}, expected one; remove the other")


def read_foreign(
    path: Path, keys: Sequence[Sequence[str]], values: Sequence[str], optional: Sequence[str] = ()
) -> pa.Table:
    """The table of a file, its columns `sample`, those of one of `keys`, and `values`, all as numbers but for `sample`.

    Columns may come in any order and with any type of number; those of `optional` may be there and are not read. Raises
    `UserError`, naming the file and the row (the line of a CSV), where a column is missing or unknown, or a value is
    missing, no number, NaN or infinite.
    """
    table = _read(path)
    names = [name for name in table.column_names if name not in optional and not name.startswith(_PANDAS_INDEX)]
    own = [key for key in keys if set(key) <= set(names)]
    forms = " or ".join(", ".join(key) for key in keys)
    if "sample" not in names or not own:
        raise UserError(f"{path} has the columns {', '.join(names)}, expected sample, then {forms}, then the outputs")
    wanted = ["sample", *own[0], *values]
    for name in wanted:
        if name not in names:
            raise UserError(f"{path} has no column {name}, expected {', '.join(wanted)}")
    if "" in names:
        raise UserError(f"{path} has a column without a name, as pandas writes its index; write it with index=False")
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{path} has {names.count(name)} columns {name}, expected one; remove the others")
        if name not in wanted:
            raise UserError(f"{path} has a column {name}, which has no meaning here; expected {', '.join(wanted)}")
    if not len(table):
        raise UserError(f"{path} has no row; expected predictions of every sample")
    columns = {name: _numbers(path, table, name) for name in wanted[1:]}
    samples = table["sample"]
    if samples.null_count:
        raise UserError(f"{where(path, int(pc.index(pc.is_null(samples), True).as_py()))} names no sample")
    return pa.table({"sample": samples.cast(pa.string()), **columns})


def where(path: Path, row: int) -> str:
    """A row of a file, counted from 0, in words: the line of a CSV, which has a header, else the row from 1."""
    return f"{path}, line {row + 2}," if path.suffix == ".csv" else f"{path}, row {row + 1},"


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        as_text = csv.ConvertOptions(column_types={"sample": pa.string()}, null_values=[""], strings_can_be_null=True)
        return csv.read_csv(path, convert_options=as_text)
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UserError(f"{path} cannot be read as a table ({error}); write it again") from error


def _numbers(path: Path, table: pa.Table, name: str) -> np.ndarray:
    column = table[name]
    if column.null_count:
        row = int(pc.index(pc.is_null(column), True).as_py())
        raise UserError(f"{where(path, row)} has no {name}, expected a number; leave out rows that say nothing")
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise UserError(f"{path} has text or the like in its column {name}, expected numbers only")
    numbers = column.to_numpy().astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise UserError(
            f"{where(path, int(wrong[0]))} has {numbers[wrong[0]]:g} as {name}, expected a finite number; leave out "
            "rows that say nothing"
        )
    return numbers
