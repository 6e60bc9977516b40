"""Several seeds: the same splits under names of their own, seeds apart, and the mean of what the models say."""

import sys
from pathlib import Path

import join_seeds
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abaw.corpus.layout import Layout, Track
from abaw.folds.layout import with_folds
from abaw.seeds.layout import averaged_name, seed_names, seed_of, with_seeds
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS, task_named


def track(name, splits):
    return Track(name, name, Path(f"{name}.mp4"), None, splits)


LAYOUT = Layout(
    (
        track("a", {"va": "train", "expr": "val"}),
        track("b", {"va": "val"}),
        track("c", {"va": "train"}),
        track("d", {"va": "test", "expr": "train"}),
    ),
    {},
    {},
)


def test_each_seed_and_their_mean_have_the_splits_of_the_challenge():
    layout = with_seeds(LAYOUT, 3)
    assert seed_names("va", 3) == ["va_seed2", "va_seed3"]
    for task in ("va", "expr"):
        for name in [*seed_names(task, 3), averaged_name(task)]:
            assert task_named(name) == task
            for split in ("train", "val", "test"):
                assert layout.tracks_of(name, split) == layout.tracks_of(task, split)
    assert with_seeds(LAYOUT, None) == LAYOUT
    assert seed_names("va", None) == []


def test_folds_have_one_seed():
    layout = with_seeds(with_folds(LAYOUT, 2), 2)
    names = {name for own in layout.tracks for name in own.splits}
    assert {name for name in names if name.startswith("expr")} == {
        "expr", "expr_fold1", "expr_fold2", "expr_folds", "expr_seed2", "expr_seeds"
    }  # fmt: skip


@given(seed=st.integers(0, 2**31 - 1), near=st.integers(-20, 20))
def test_no_two_seeds_are_the_same_nor_those_of_a_run_beside_it(seed, near):
    names = ["va", *seed_names("va", 20)]
    own = [seed_of(seed, name) for name in names]
    assert own[0] == seed
    assert len(set(own)) == 20
    assert all(0 <= value < 2**31 for value in own)
    if near and 0 <= seed + near < 2**31:
        assert not set(own) & {seed_of(seed + near, name) for name in names}


def test_folds_and_means_have_the_seed_of_the_run():
    assert {seed_of(7, name) for name in ("va", "expr_fold2", "va_folds", "va_seeds")} == {7}
    assert seed_of(7, "va_seed2") == seed_of(7, "expr_seed2") == 7926


def written(path, values, fitted_on, rows=3):
    keys = {"sample": ["a"] * rows, "frame": range(1, rows + 1)}
    outputs = {name: np.full(rows, value) for name, value in zip(TASKS["va"].outputs, values, strict=True)}
    table = pa.table(keys | outputs).cast(SCHEMAS["frames_va"])
    write_table("frames_va", table, path, {"units": "value", "fitted_on": fitted_on})
    return path


def joined(monkeypatch, output, *paths):
    arguments = ["--task", "va_seeds", "--frames", *map(str, paths), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["join_seeds", *arguments])
    join_seeds.main()
    return output


def test_the_command_writes_the_mean_and_all_that_was_chosen(tmp_path, monkeypatch):
    paths = [
        written(tmp_path / "1", (0.1, -1.0), "train; epoch on val"),
        written(tmp_path / "2", (0.3, 0.0), "train; epoch, window on val"),
        written(tmp_path / "3", (-0.1, 0.4), "train"),
    ]
    found = joined(monkeypatch, tmp_path / "mean", *paths)
    table = read_table("frames_va", found)
    np.testing.assert_allclose(table["valence"], [0.1] * 3, atol=1e-7)
    np.testing.assert_allclose(table["arousal"], [-0.2] * 3, atol=1e-7)
    about = read_metadata(found)
    assert (about["fitted_on"], about["units"]) == ("train; epoch, window on val", "value")
    again = joined(monkeypatch, tmp_path / "again", *paths)
    assert again.read_bytes() == found.read_bytes()
    alone = joined(monkeypatch, tmp_path / "alone", paths[0])
    assert read_table("frames_va", alone).equals(read_table("frames_va", paths[0]))


def test_seeds_that_predict_other_rows_are_a_bug(tmp_path, monkeypatch):
    paths = [written(tmp_path / str(rows), (0.1, 0.2), "train", rows) for rows in (3, 4)]
    with pytest.raises(ValueError, match="do not predict the same rows"):
        joined(monkeypatch, tmp_path / "mean", *paths)
