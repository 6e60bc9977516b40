"""Tables read a few rows at a time: the same rows as of the whole, whatever the groups of the file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abaw.running.errors import UserError
from abaw.tables.arrays import embedding_matrix
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


@pytest.mark.parametrize("kind", ["embeddings", "voice_embeddings"])
def test_embeddings_in_parts_are_those_of_the_whole_and_none_have_a_width(kind):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=256).tolist() for _ in range(7)]
    if kind == "embeddings":
        values[2] = values[6] = None
    rows = [{"sample": "a", "frame": k, "time_s": k / 5, "has_face": v is not None} for k, v in enumerate(values)]
    table = pa.Table.from_pylist(
        [row | {"embedding": v and np.array(v, np.float16)} for row, v in zip(rows, values, strict=True)], SCHEMAS[kind]
    )
    parts = pa.concat_tables([SCHEMAS[kind].empty_table(), table.slice(0, 2), table.slice(2, 1), table.slice(3)])
    expected = np.array([np.zeros(256) if v is None else v for v in values]).astype(np.float16)
    for dtype in (np.float16, np.float32):
        found = embedding_matrix(parts, dtype)
        assert found.dtype == dtype
        assert (found == expected).all()
    assert embedding_matrix(SCHEMAS[kind].empty_table()).shape == (0, 256 if kind == "embeddings" else 0)
