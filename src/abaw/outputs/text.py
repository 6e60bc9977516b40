"""Tables as CSV (RFC 4180, UTF-8, a header; nothing between two commas where nothing is known)."""

from os import PathLike

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from abaw.running.files import whole_file

DECIMALS = {pa.float32(): 6, pa.float64(): 6}
"""Microseconds, and more than half floats know of a value; the Parquet file has all digits."""


def write_csv(table: pa.Table, path: str | PathLike[str]) -> None:
    """Write a table whole or not at all; floats are rounded to `DECIMALS`, columns keep their names and order."""
    for place, field in enumerate(table.schema):
        if field.type in DECIMALS:
            column = pc.round(table[field.name].cast(pa.float64()), DECIMALS[field.type])
            table = table.set_column(place, field.name, column)
    with whole_file(path) as beside:
        csv.write_csv(table, beside, csv.WriteOptions(quoting_style="needed"))
