"""CSV and summary: by hand-worked numbers, read back by pandas, and by invariants."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import write_summary
from formats import installed
from hypothesis import given
from hypothesis import strategies as st
from people import blanked, made_table

from abaw.outputs.people import CLASSES, expression_runs, people_of, speaking_runs
from abaw.outputs.summary import summary_of
from abaw.running.errors import UserError
from abaw.tables.files import write_csv, write_table


def changed(table, name, values):
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def small():
    """Four frames of one person at uneven times, all to be worked out by hand."""
    table = made_table(subjects=1, time_s=np.array([0.0, 1.0, 3.0, 4.0]))
    table = changed(table, "has_face", [True, True, True, False])
    table = changed(table, "valence", [0.0, 0.6, 0.6, -1.0])
    table = changed(table, "arousal", [0.1, 0.1, None, 0.9])
    table = changed(table, "expression", ["anger", "anger", "fear", "happiness"])
    table = changed(table, "speaking", [True, False, None, True])
    return changed(table, "age_s", [0.0, 1.0, 0.0, 1.0])


def test_a_summary_is_what_one_works_out_by_hand():
    [line] = summary_of(people_of(small(), "here")).to_pylist()
    # the frames last 1, 2, 1 and, as half of all do at least, 1 s
    assert line["seen_s"] == 4 and line["speaking_s"] == 2
    assert line["valence_mean"] == pytest.approx((0 * 1 + 0.6 * 2 + 0.6 * 1) / 4)
    assert line["valence_deviation"] == pytest.approx((0.45**2 * 1 + 0.15**2 * 3) ** 0.5 / 2)
    assert line["arousal_mean"] == pytest.approx(0.1) and line["arousal_deviation"] == pytest.approx(0, abs=1e-6)
    assert (line["share_anger"], line["share_fear"], line["share_happiness"]) == (0.75, 0.25, 0)
    assert line["changes_per_min"] == 15  # one in 4 s
    assert line["share_measured"] == 0.5  # two of four frames


@pytest.mark.formats
def test_duckdb_reads_what_was_written(tmp_path):
    duckdb, table = installed("duckdb"), blanked(made_table(), "p_fear")
    write_table("people", table, tmp_path / "frames.parquet")
    write_csv(table, tmp_path / "frames.csv")
    asked = "SELECT subject, expression, count(*), avg(valence) FROM '{}' GROUP BY ALL ORDER BY ALL"
    with duckdb.connect() as base:
        assert base.read_parquet(str(tmp_path / "frames.parquet")).to_arrow_table().to_pylist() == table.to_pylist()
        said = base.sql(asked.format(tmp_path / "frames.parquet")).fetchall()
        of_csv = base.read_csv(str(tmp_path / "frames.csv"))
        assert of_csv.columns == table.column_names and len(of_csv) == len(table)
    known = table.to_pandas().groupby(["subject", "expression"])["valence"].agg(["size", "mean"]).reset_index()
    assert [list(row[:3]) for row in said] == known[["subject", "expression", "size"]].to_numpy().tolist()
    assert [row[3] for row in said] == pytest.approx(known["mean"].tolist(), abs=1e-6)


def test_what_nobody_knows_is_nothing_in_a_summary():
    unknown = ["valence", "arousal", "expression", "speaking"]
    [line] = summary_of(people_of(blanked(small(), *unknown), "here")).to_pylist()
    assert line["seen_s"] == 4 and line["share_measured"] == 0.5
    nothing = ["speaking_s", "valence_mean", "arousal_deviation", "share_anger", "changes_per_min"]
    assert [line[name] for name in nothing] == [None] * len(nothing)


def test_runs_end_where_the_next_begins_and_nobody_expresses_anything_unseen():
    people = people_of(small(), "here")
    runs = [(run.start_s, run.end_s, CLASSES[run.value]) for run in expression_runs(people, people.persons[0])]
    assert runs == [(0, 3, "anger"), (3, 4, "fear")]
    assert [(run.start_s, run.end_s) for run in speaking_runs(people, people.persons[0])] == [(0, 1), (4, 5)]


steps = st.lists(st.floats(0.001, 2), min_size=1, max_size=30)
classes = st.sampled_from([*CLASSES, None])


@given(st.data(), steps)
def test_shares_add_up_and_runs_cover_what_is_seen(data, gaps):
    n = len(gaps)
    table = made_table(subjects=1, time_s=np.cumsum([0.0, *gaps[1:]]))
    some = st.lists(st.booleans(), min_size=n, max_size=n)
    table = changed(table, "has_face", data.draw(some))
    table = changed(table, "expression", data.draw(st.lists(classes, min_size=n, max_size=n)))
    people = people_of(table, "here")
    [line] = summary_of(people).to_pylist()
    shares = [line[f"share_{name}"] for name in CLASSES]
    runs = [run for person in people.persons for run in expression_runs(people, person)]
    assert line["subject"] == (1 if any(table["has_face"].to_pylist()) else None)  # who is never seen is nobody
    assert line["seen_s"] <= people.end_s + 1e-9
    if shares[0] is not None:
        assert sum(shares) == pytest.approx(1)
    known = [
        seen and name is not None
        for seen, name in zip(*(table[c].to_pylist() for c in ("has_face", "expression")), strict=True)
    ]
    assert sum(run.end_s - run.start_s for run in runs) == pytest.approx(people.duration_s[known].sum())
    assert all(one.end_s <= other.start_s for one, other in pairwise(runs))


@given(st.integers(1, 4))
def test_a_summary_holds_at_any_rate(times):
    """The same scene at a multiple of the rate gives the same line, but for how many of the frames are measured."""
    slow = made_table(n_frames=60, fps=Fraction(5), every=1)
    time_s = np.repeat(slow["time_s"].to_numpy()[:60], times) + np.tile(np.arange(times) / 5 / times, 60)
    rows = np.concatenate([np.repeat(np.arange(60), times) + 60 * k for k in range(2)])
    fast = changed(slow.take(pa.array(rows)), "time_s", np.tile(time_s, 2))
    fast = changed(fast, "frame", np.tile(np.arange(60 * times, dtype=np.int32) + 1, 2))
    one, other = (summary_of(people_of(table, "here")).to_pandas() for table in (slow, fast))
    numbers = one.columns.drop(["video", "problem"])
    assert np.allclose(one[numbers], other[numbers])


def test_frames_as_csv_are_the_table(tmp_path):
    table = blanked(made_table(video='a "b", ü'), "arousal", "va_system")
    written = tmp_path / "frames.csv"
    write_csv(table, written)
    back = pd.read_csv(written)
    assert list(back.columns) == table.column_names
    assert len(back) == len(table) and set(back["video"]) == {'a "b", ü'}
    assert np.allclose(back["time_s"], table["time_s"].to_numpy(), atol=5e-7, rtol=0)
    assert np.allclose(back["p_anger"], table["p_anger"].to_numpy(), atol=1e-6)
    assert back["arousal"].isna().all() and back["has_face"].dtype == bool
    assert written.read_text().splitlines()[1].count(",") == table.num_columns  # the name has one of its own


def test_the_summary_of_a_folder_has_a_line_a_person(tmp_path, monkeypatch):
    paths = []
    for video, people in {"one": 1, "nobody": 0, "three": 3}.items():
        paths.append(str(tmp_path / video / "frames.parquet"))
        write_table("people", made_table(video=video, subjects=people), paths[-1])
    (tmp_path / "failed.csv").write_text('video,path,reason\nbroken,/b.mp4,"it is cut off, copy it again"\n')
    arguments = ["", "--frames", *paths, "--failed", str(tmp_path / "failed.csv")]
    monkeypatch.setattr("sys.argv", [*arguments, "--out", str(tmp_path / "summary.csv")])
    write_summary.main()
    back = pd.read_csv(tmp_path / "summary.csv")
    assert list(back["video"]) == ["one", "nobody", "three", "three", "three", "broken"]
    assert list(back["subject"].fillna(0)) == [1, 0, 1, 2, 3, 0]
    assert list(back["seen_s"])[:-1] == pytest.approx([2, 0, 2, 40 / 30, 2])
    assert list(back["problem"].dropna()) == ["it is cut off, copy it again"]


def test_tables_of_another_form_are_refused_in_a_sentence():
    two = pa.concat_tables([made_table(video="a"), made_table(video="b")])
    with pytest.raises(UserError, match="holds 2 videos"):
        people_of(two, "here")
    with pytest.raises(UserError, match="each frame once, in order, for subject 2"):
        people_of(made_table().slice(0, 100), "here")
    with pytest.raises(UserError, match="rows of each subject together"):
        people_of(pa.concat_tables([made_table(), made_table()]), "here")
