"""Tables read a few rows at a time: the same rows as of the whole, whatever the groups of the file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abaw.running.errors import UserError
from abaw.tables.files import GROUP_ROWS, read_groups, read_rows, read_table, write_table
from abaw.tables.schemas import SCHEMAS

COLUMNS = ["sample", "frame", "crop"]


def faces(n):
    rows = [{"sample": "ab"[k % 2], "frame": k, "time_s": k / 5, "has_face": True, "crop": b"%d" % k} for k in range(n)]
    return pa.Table.from_pylist(rows, SCHEMAS["faces"])


def written(path, table, group_rows):
    """The table with groups of another size, as another library might write them."""
    write_table("faces", table, path)
    pq.write_table(pq.read_table(path), path, row_group_size=group_rows)
    return path


@given(st.integers(0, 3 * GROUP_ROWS), st.integers(1, 2 * GROUP_ROWS), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_some_rows_and_all_rows_are_those_of_the_whole(tmp_path_factory, n, group_rows, seed):
    table = faces(n)
    path = written(tmp_path_factory.mktemp("t") / "faces.parquet", table, group_rows)
    rows = np.flatnonzero(np.random.default_rng(seed).random(n) < 0.1)
    some = [row for part in read_rows("faces", path, COLUMNS, rows) for row in part.to_pylist()]
    assert some == table.select(COLUMNS).take(pa.array(rows)).to_pylist()
    parts = list(read_groups("faces", path, COLUMNS))
    assert [row for part in parts for row in part.to_pylist()] == read_table("faces", path, COLUMNS).to_pylist()
    assert all(0 < len(part) <= GROUP_ROWS for part in parts)


def test_groups_without_a_wanted_row_are_not_read(tmp_path):
    path = written(tmp_path / "faces.parquet", faces(40), 10)
    places = [pq.read_metadata(path).row_group(group).column(SCHEMAS["faces"].names.index("crop")) for group in (0, 1)]
    damaged = bytearray(path.read_bytes())
    begin = places[0].dictionary_page_offset or places[0].data_page_offset
    damaged[begin : begin + places[0].total_compressed_size] = bytes(places[0].total_compressed_size)
    path.write_bytes(damaged)
    [part] = read_rows("faces", path, COLUMNS, np.array([15]))
    assert part.to_pylist() == [{"sample": "b", "frame": 15, "crop": b"15"}]
    with pytest.raises(OSError, match=r".+"):
        list(read_rows("faces", path, COLUMNS, np.array([5])))


@pytest.mark.parametrize("read", [read_groups, lambda *of: read_rows(*of, np.array([0]))])
def test_a_table_of_another_kind_is_named(tmp_path, read):
    write_table("voiced", SCHEMAS["voiced"].empty_table(), tmp_path / "v.parquet")
    with pytest.raises(UserError, match=r"v\.parquet is not a faces table of this version"):
        list(read("faces", tmp_path / "v.parquet", COLUMNS))
