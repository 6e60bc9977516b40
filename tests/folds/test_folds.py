"""Folds of videos: their arithmetic, what is in which, and that nothing is scored by models that have seen it."""

import sys
from pathlib import Path

import join_frames
import numpy as np
import pyarrow as pa
import pytest
import split_corpus
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold

from abaw.config import SystemConfig
from abaw.corpus.layout import Layout, Track, video_of
from abaw.folds.joining import join_unseen, mean_frames
from abaw.folds.layout import assign_folds, fold_names, samples_of, with_folds
from abaw.fusion.systems import Systems
from abaw.running.errors import UserError
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.provenance import fused
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS, task_named


def layout_of(members):
    """A layout out of the splits of each sample: {"a_left": {"va": "train"}}."""
    tracks = (
        Track(name, video_of(name), Path(f"{video_of(name)}.mp4"), None, splits) for name, splits in members.items()
    )
    return Layout(tuple(tracks), {}, {})


MEMBERS = {f"v{k:02d}": {"va": "train" if k % 3 else "val"} for k in range(11)}
MEMBERS |= {f"w{k}_{side}": {"va": "train", "expr": "val"} for k in range(4) for side in ("left", "right")}
MEMBERS |= {f"e{k}": {"expr": "train"} for k in range(3)} | {"t1": {"va": "test"}, "t2": {"va": "test", "expr": "test"}}


@given(sizes=st.lists(st.integers(1, 2), min_size=5, max_size=60), n_folds=st.integers(2, 5))
def test_folds_are_as_scikit_learn_makes_them(sizes, n_folds):
    names = [f"v{k:03d}" for k in range(len(sizes))]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    found = assign_folds(dict(zip(names, sizes, strict=True)), n_folds)
    for number, (_, held_out) in enumerate(GroupKFold(n_folds).split(groups, groups=groups)):
        assert {names[k] for k in groups[held_out]} == {name for name, fold in found.items() if fold == number}


def test_no_video_is_in_two_folds_and_each_is_left_out_once():
    layout = with_folds(layout_of(MEMBERS), 4)
    for task in ("va", "expr"):
        annotated = [name for name, splits in MEMBERS.items() if splits.get(task) in ("train", "val")]
        left_out = []
        for name in fold_names(task, 4):
            train, val = ({video_of(s) for s in samples_of(layout, name, split)} for split in ("train", "val"))
            assert not train & val
            assert train | val == {video_of(sample) for sample in annotated}
            assert samples_of(layout, name, "test") == samples_of(layout, task, "test")
            left_out += samples_of(layout, name, "val")
        assert sorted(left_out) == sorted(annotated)
        for split in ("train", "val"):
            assert sorted(samples_of(layout, f"{task}_folds", split)) == sorted(annotated)
    assert with_folds(layout_of(MEMBERS), None) == layout_of(MEMBERS)
    with pytest.raises(UserError, match="folds is 9, but training and validation have 7 videos; set it lower"):
        with_folds(layout_of(MEMBERS), 9)


def frames(samples, value):
    """Three rows of each sample, all of one value."""
    keys = {"sample": np.repeat(samples, 3), "frame": np.tile([1, 2, 3], len(samples))}
    return pa.table(keys | dict.fromkeys(TASKS["va"].outputs, np.full(3 * len(samples), value))).cast(
        SCHEMAS["frames_va"]
    )


def tracks(*samples):
    about = {"path": "p", "fps_num": 25, "fps_den": 1, "n_frames": 3, "n_rows": 3, "duration_s": 0.12}
    about |= {"has_audio": True, "problems": "", "side": None, "frame_times_s": None}
    rows = [about | {"sample": sample, "video": video_of(sample)} for sample in samples]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["tracks"])


def test_each_row_is_of_models_that_have_not_seen_its_video():
    val = [frames(["b_left", "c"], 0.1), frames(["a"], 0.2)]
    trained_on = [tracks("a"), tracks("b_left", "b_right", "c")]
    found = join_unseen(val, trained_on, ["a", "b_left", "c"])
    assert found["sample"].to_pylist() == ["a"] * 3 + ["b_left"] * 3 + ["c"] * 3
    np.testing.assert_allclose(found["valence"].to_numpy(), np.repeat([0.2, 0.1, 0.1], 3), atol=1e-7)
    np.testing.assert_allclose(mean_frames("va", [frames(["t"], 0.1), frames(["t"], 0.4)])["arousal"], 0.25, atol=1e-7)


@pytest.mark.parametrize(
    ("trained_on", "said"),
    [
        ([tracks("a", "c"), tracks("b_left")], "fold 1 were trained on the video of the sample c"),
        ([tracks("a", "b_right"), tracks("c")], "fold 1 were trained on the video of the sample b_left"),
        ([tracks("a"), tracks("a_left", "c")], "fold 2 were trained on the video of the sample a"),
    ],
)
def test_models_that_have_seen_a_video_are_caught(trained_on, said):
    with pytest.raises(ValueError, match=said):
        join_unseen([frames(["b_left", "c"], 0.1), frames(["a"], 0.2)], trained_on, ["a", "b_left", "c"])


def test_samples_in_two_folds_or_in_none_and_other_rows_are_caught():
    with pytest.raises(ValueError, match="the sample a is in two folds"):
        join_unseen([frames(["a"], 0.1)] * 2, [tracks("b"), tracks("c")], ["a"])
    with pytest.raises(ValueError, match="1 samples are in no fold"):
        join_unseen([frames(["a"], 0.1)], [tracks("b")], ["a", "b"])
    with pytest.raises(ValueError, match="do not predict the same rows"):
        mean_frames("va", [frames(["t"], 0.1), frames(["u"], 0.1)])


def test_the_commands_split_and_join_and_say_so(tmp_path, monkeypatch):
    def run(script, *arguments):
        monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, arguments)])
        script.main()

    for split, samples in (("train", ["a", "b_left", "b_right"]), ("val", ["c"])):
        write_table("tracks", tracks(*samples), tmp_path / f"{split}.tracks")
        labels = frames(samples, 0.5).cast(SCHEMAS["labels_va"])
        write_table("labels_va", labels, tmp_path / f"{split}.labels")
    both = [[tmp_path / f"{split}.{kind}" for split in ("train", "val")] for kind in ("tracks", "labels")]
    arguments = ["--task", "va_fold1", "--tracks", *both[0], "--labels", *both[1], "--samples", "b_left", "c"]
    run(split_corpus, *arguments, "--output-tracks", tmp_path / "t", "--output-labels", tmp_path / "l")
    assert read_table("tracks", tmp_path / "t")["sample"].to_pylist() == ["b_left", "c"]
    assert read_table("labels_va", tmp_path / "l")["sample"].to_pylist() == ["b_left"] * 3 + ["c"] * 3

    about = {"units": "value", "fitted_on": "train; epoch on val"}
    for number, (val, seen) in enumerate(((["a"], ["c"]), (["c"], ["a"]))):
        write_table("frames_va", frames(val, 0.1), tmp_path / f"val{number}", about)
        write_table("frames_va", frames(["t"], 0.2 * number), tmp_path / f"test{number}", about)
        write_table("tracks", tracks(*seen), tmp_path / f"seen{number}")
    write_table("tracks", tracks("a", "c"), tmp_path / "all")
    arguments = ["--task", "va_folds", "--tracks", tmp_path / "all"]
    for name, stem in (("val", "val"), ("test", "test"), ("trained-on", "seen")):
        arguments += [f"--{name}", *(tmp_path / f"{stem}{number}" for number in range(2))]
    run(join_frames, *arguments, "--output-val", tmp_path / "v", "--output-test", tmp_path / "x")
    np.testing.assert_allclose(read_table("frames_va", tmp_path / "x")["valence"], 0.1, atol=1e-7)
    said = read_metadata(tmp_path / "v")["fitted_on"]
    assert said == "train; epoch on val; each video by models of folds that have not seen it"
    assert fused([said, said], "weights on val") == f"{said}; weights on val"


def test_a_system_with_a_model_that_is_brought_is_not_among_those_of_folds():
    systems = {
        "one": SystemConfig(title="a", models=["visual"], fusion="none"),
        "two": SystemConfig(title="b", models=["visual", "mine"], fusion="dirichlet"),
    }
    found = Systems(["visual", "mine"], systems, ["mine"])
    assert found.names("va") == ["one", "two"]
    assert found.names("va_folds") == ["one"]
    assert set(found.scored("va_folds", "val")) == {"visual", "one", "one_nested"}
    assert set(found.scored("va", "val")) == {"visual", "mine", "one", "two", "one_nested", "two_nested"}
    assert task_named("expr_fold12") == "expr"
