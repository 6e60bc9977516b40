"""Random forests on stacked outputs: what rows they have seen decides what their scores mean."""

import json
import sys
from functools import partial
from weakref import WeakSet

import fuse_forest
import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import GroupKFold
from small_models import frames_table

from abaw.config import ForestConfig
from abaw.fusion import forest
from abaw.fusion.forest import fuse_by_forests
from abaw.metrics import score
from abaw.running.errors import UserError
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS

SETTINGS = ForestConfig(trees=[3, 12], chosen_by="out_of_bag", folds=3)


def videos(task, n_videos=6, rows=40, seed=0):
    """Outputs that know the video better than the truth, which hardly changes within one."""
    rng = np.random.default_rng(seed)
    of_row = np.repeat(np.arange(n_videos), rows)
    if task == "va":
        truth = rng.uniform(-0.5, 0.5, (n_videos, 2))[of_row] + rng.normal(0, 0.01, (len(of_row), 2))
        outputs = rng.uniform(-1, 1, (2, n_videos, 2))[:, of_row] + rng.normal(0, 0.01, (2, len(of_row), 2))
    else:
        truth = rng.integers(0, 8, n_videos)[of_row].astype(float)[:, None]
        outputs = rng.random((2, n_videos, 8))[:, of_row] + rng.normal(0, 0.01, (2, len(of_row), 8))
    return outputs, truth, [f"v{number}" for number in of_row]


def fused(task, outputs, truth, names, settings=SETTINGS, seed=0, threads=1, test=None):
    test = outputs[:, ::7] if test is None else test
    return fuse_by_forests(task, outputs, truth, names, test, settings, seed, threads)


def of_scikit_learn(task, trees, seed, outputs, truth, wanted):
    """What whole forests say, each grown for itself."""
    if task == "va":
        grown = [RandomForestRegressor(trees, random_state=seed) for _ in range(2)]
        parts = [forest.fit(outputs[:, :, k].T, truth[:, k]) for k, forest in enumerate(grown)]
        return np.stack([part.predict(wanted[:, :, k].T) for k, part in enumerate(parts)], axis=1)
    forest = RandomForestClassifier(trees, random_state=seed, class_weight="balanced")
    forest.fit(np.hstack(list(outputs)), truth[:, 0])
    said = np.zeros((wanted.shape[1], 8))
    said[:, forest.classes_.astype(int)] = forest.predict_proba(np.hstack(list(wanted)))
    return said


@pytest.mark.parametrize("task", ["va", "expr"])
def test_rows_of_a_known_video_score_far_above_rows_of_others(task):
    outputs, truth, names = videos(task)
    found = fused(task, outputs, truth, names)
    measure = TASKS[task].challenge_measure
    known = {kind: score(task, truth, getattr(found, kind))[measure] for kind in ("in_sample", "out_of_bag", "grouped")}
    possible = len(set(truth[:, 0])) / 8 if task == "expr" else 1  # absent classes count 0
    assert known["in_sample"] > 0.98 * possible
    assert known["out_of_bag"] > 0.95 * possible
    assert known["grouped"] < 0.4
    assert found.tried[-1]["trees"] == 12
    chosen = next(one for one in found.tried if one["trees"] == found.trees)
    assert chosen["out_of_bag"] == max(one["out_of_bag"] for one in found.tried) == known["out_of_bag"]
    assert chosen["grouped"] == known["grouped"]


@pytest.mark.parametrize("task", ["va", "expr"])
@pytest.mark.parametrize("trees", [[12], [3, 12], [20, 12, 5]])
def test_whatever_else_is_tried_the_trees_are_those_of_scikit_learn_s_forest_bit_for_bit(task, trees):
    outputs, truth, names = videos(task)
    truth[5::9] = np.nan
    truth[-40:] = np.nan  # a video without any truth
    known, of_row = ~np.isnan(truth[:, 0]), np.array(names)
    test = np.random.default_rng(5).uniform(-1, 1, (2, 50, outputs.shape[2]))
    found = fused(task, outputs, truth, names, SETTINGS.model_copy(update={"trees": trees}), 3, 2, test)
    whole = (task, found.trees, 3)
    assert (found.in_sample == of_scikit_learn(*whole, outputs[:, known], truth[known], outputs)).all()
    assert (found.test == of_scikit_learn(*whole, outputs[:, known], truth[known], test)).all()
    learned = list(GroupKFold(3).split(truth[known], groups=of_row[known]))[-1][0]
    unseen = ~np.isin(of_row, of_row[known][learned])
    assert unseen[-40:].all()
    expected = of_scikit_learn(*whole, outputs[:, known][:, learned], truth[known][learned], outputs[:, unseen])
    assert (found.grouped[unseen] == expected).all()
    assert [one["trees"] for one in found.tried] == trees
    alone = [fused(task, outputs, truth, names, SETTINGS.model_copy(update={"trees": [n]}), 3).tried[0] for n in trees]
    assert found.tried == alone


@pytest.mark.parametrize("task", ["va", "expr"])
def test_out_of_bag_rows_are_scikit_learn_s_where_every_row_has_some(task):
    outputs, truth, names = videos(task)
    settings = SETTINGS.model_copy(update={"trees": [60], "folds": 2})
    found = fused(task, outputs, truth, names, settings, seed=4).out_of_bag
    if task == "va":
        for k in range(2):
            peer = RandomForestRegressor(60, oob_score=True, random_state=4).fit(outputs[:, :, k].T, truth[:, k])
            np.testing.assert_allclose(found[:, k], peer.oob_prediction_, atol=1e-12)
    else:
        peer = RandomForestClassifier(60, oob_score=True, class_weight="balanced", random_state=4)
        peer.fit(np.hstack(list(outputs)), truth[:, 0])
        np.testing.assert_allclose(found[:, peer.classes_.astype(int)], peer.oob_decision_function_, atol=1e-12)


@pytest.mark.parametrize("task", ["va", "expr"])
def test_rows_that_every_tree_has_seen_get_the_mean_of_the_truth(task):
    outputs, truth, names = videos(task, rows=10)
    found = fused(task, outputs, truth, names, SETTINGS.model_copy(update={"trees": [1]}))
    kind = RandomForestRegressor if task == "va" else partial(RandomForestClassifier, class_weight="balanced")
    grown = kind(1, random_state=0).fit(np.zeros((len(truth), 1)), truth[:, 0])  # inputs do not decide the bag
    bag = np.unique(grown.estimators_samples_[0])
    mean = truth.mean(axis=0) if task == "va" else np.bincount(truth[:, 0].astype(int), minlength=8) / len(truth)
    np.testing.assert_allclose(found.out_of_bag[bag, :1], np.broadcast_to(mean[:1], (len(bag), 1)))


def test_the_same_whatever_the_threads_and_rows_without_truth_are_predicted():
    outputs, truth, names = videos("expr")
    truth[::3] = np.nan
    one, two = (fused("expr", outputs, truth, names, seed=7, threads=threads) for threads in (1, 2))
    for kind in ("in_sample", "out_of_bag", "grouped", "test"):
        assert (getattr(one, kind) == getattr(two, kind)).all()
        assert np.isfinite(getattr(one, kind)).all()
        np.testing.assert_allclose(getattr(one, kind).sum(axis=1), 1)
    assert (one.out_of_bag[::3] == one.in_sample[::3]).all()


def test_a_fold_without_a_class_still_has_eight_columns():
    outputs, truth, names = videos("expr", n_videos=2)
    assert fused("expr", outputs, truth, names).grouped.shape == (80, 8)


def test_a_single_video_is_refused():
    outputs, truth, names = videos("va", n_videos=1)
    with pytest.raises(UserError, match="two annotated videos of validation at least, there is 1"):
        fused("va", outputs, truth, names)


def test_a_hundred_thousand_rows_and_no_tree_that_outlives_its_use(monkeypatch):
    outputs, truth, names = videos("va", n_videos=50, rows=2000)
    alive, most = WeakSet(), []

    def watched(tree, *rest, _say=forest._said, **named):
        alive.add(tree)
        most.append(len(alive))
        return _say(tree, *rest, **named)

    monkeypatch.setattr(forest, "_said", watched)
    found = fused("va", outputs, truth, names, SETTINGS.model_copy(update={"trees": [1, 3], "folds": 2}))
    assert len(most) == 2 * 3 * 3  # dimensions, trees, and the whole beside two folds
    assert max(most) <= 2
    assert found.trees == 3
    assert score("va", truth, found.in_sample)["ccc_mean"] > 0.99


def run_forest(monkeypatch, folder, task, out):
    schema = SCHEMAS["tracks"]
    made = {"path": "", "fps_num": 25, "fps_den": 1, "n_frames": 9, "n_rows": 9, "duration_s": 1.0, "has_audio": False}
    made |= {"problems": "", "side": None, "frame_times_s": None}
    rows = [made | {"sample": "b", "video": "b"}, made | {"sample": "a_left", "video": "a"}]
    write_table("tracks", pa.Table.from_pylist(rows, schema=schema), folder / "tracks.parquet")
    models, path = ("visual", "acoustic"), folder / out
    arguments = [
        *("--task", task, "--models", *models),
        *("--frames-val", *(f"{folder}/{model}_val.parquet" for model in models)),
        *("--frames-test", *(f"{folder}/{model}_test.parquet" for model in models)),
        *("--labels", f"{folder}/labels.parquet", "--tracks", f"{folder}/tracks.parquet"),
        *("--settings", SETTINGS.model_dump_json(), "--seed", "11", "--threads", "1"),
        *("--output-val", f"{path}/val.parquet", "--output-test", f"{path}/test.parquet"),
        *("--output-out-of-bag", f"{path}/out_of_bag.parquet", "--output-in-sample", f"{path}/in_sample.parquet"),
        *("--fit", f"{path}/fit.json"),
    ]
    monkeypatch.setattr(sys, "argv", ["fuse_forest.py", *arguments])
    fuse_forest.main()
    return path


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_command_writes_what_was_seen_and_what_was_not(monkeypatch, tmp_path, project, task):
    outputs, tests, truth = project(task)
    path = run_forest(monkeypatch, tmp_path, task, "out")
    names = ["b"] * 40 + ["a"] * 30
    found = fused(task, np.stack(outputs), truth.reshape(70, -1), names, seed=11, test=np.stack(tests))
    expected = {"val": "grouped", "out_of_bag": "out_of_bag", "in_sample": "in_sample"}
    for file, kind in expected.items():
        table = read_table(f"frames_{task}", path / f"{file}.parquet")
        assert table.equals(frames_table(task, "val", getattr(found, kind)))
    table = read_table(f"frames_{task}", path / "test.parquet")
    assert table.equals(frames_table(task, "test", found.test))
    assert read_metadata(path / "val.parquet")["fitted_on"] == "train; epoch on val; forest on val, other videos"
    written = json.loads((path / "fit.json").read_text())
    assert (written["trees"], written["tried"]) == (found.trees, found.tried)
    again = run_forest(monkeypatch, tmp_path, task, "again")
    for file in (*expected, "test"):
        assert (path / f"{file}.parquet").read_bytes() == (again / f"{file}.parquet").read_bytes()
