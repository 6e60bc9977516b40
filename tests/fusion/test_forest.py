"""Random forests on stacked outputs: what rows they have seen decides what their scores mean."""

import json
import sys

import fuse_forest
import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from small_models import frames_table

from abaw.config import ForestConfig
from abaw.fusion.forest import Forest, fit_forest
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


@pytest.mark.parametrize("task", ["va", "expr"])
def test_rows_of_a_known_video_score_far_above_rows_of_others(task):
    outputs, truth, names = videos(task)
    fitted = fit_forest(task, outputs, truth, names, SETTINGS, 0, 1)
    measure = TASKS[task].challenge_measure
    known = {
        kind: score(task, truth, getattr(fitted, kind))[measure] for kind in ("in_sample", "out_of_bag", "grouped")
    }
    possible = len(set(truth[:, 0])) / 8 if task == "expr" else 1  # absent classes count 0
    assert known["in_sample"] > 0.98 * possible
    assert known["out_of_bag"] > 0.95 * possible
    assert known["grouped"] < 0.4
    assert fitted.tried[-1]["trees"] == 12
    chosen = next(one for one in fitted.tried if one["trees"] == fitted.trees)
    assert chosen["out_of_bag"] == max(one["out_of_bag"] for one in fitted.tried) == known["out_of_bag"]
    assert chosen["grouped"] == known["grouped"]


@pytest.mark.parametrize("task", ["va", "expr"])
def test_out_of_bag_rows_are_scikit_learn_s_where_every_row_has_some(task):
    outputs, truth, _ = videos(task)
    forest = Forest(task, 60, seed=4, threads=1).fit(outputs, truth)
    found = forest.out_of_bag(outputs)
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
    outputs, truth, _ = videos(task, rows=10)
    forest = Forest(task, 1, seed=0, threads=1).fit(outputs, truth)
    bag = np.unique(forest.parts[0].estimators_samples_[0])
    mean = truth.mean(axis=0) if task == "va" else np.bincount(truth[:, 0].astype(int), minlength=8) / len(truth)
    np.testing.assert_allclose(forest.out_of_bag(outputs)[bag, :1], np.broadcast_to(mean[:1], (len(bag), 1)))


def test_the_same_whatever_the_threads_and_rows_without_truth_are_predicted():
    outputs, truth, names = videos("expr")
    truth[::3] = np.nan
    one, two = (fit_forest("expr", outputs, truth, names, SETTINGS, 7, threads) for threads in (1, 2))
    for kind in ("in_sample", "out_of_bag", "grouped"):
        assert (getattr(one, kind) == getattr(two, kind)).all()
        assert np.isfinite(getattr(one, kind)).all()
        np.testing.assert_allclose(getattr(one, kind).sum(axis=1), 1)
    assert (one.out_of_bag[::3] == one.in_sample[::3]).all()


def test_a_fold_without_a_class_still_has_eight_columns():
    outputs, truth, names = videos("expr", n_videos=2)
    fitted = fit_forest("expr", outputs, truth, names, SETTINGS, 0, 1)
    assert fitted.grouped.shape == (80, 8)


def test_a_single_video_is_refused():
    outputs, truth, names = videos("va", n_videos=1)
    with pytest.raises(UserError, match="two annotated videos of validation at least, there is 1"):
        fit_forest("va", outputs, truth, names, SETTINGS, 0, 1)


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
    fitted = fit_forest(task, np.stack(outputs), truth.reshape(70, -1), names, SETTINGS, 11, 1)
    expected = {"val": "grouped", "out_of_bag": "out_of_bag", "in_sample": "in_sample"}
    for file, kind in expected.items():
        table = read_table(f"frames_{task}", path / f"{file}.parquet")
        assert table.equals(frames_table(task, "val", getattr(fitted, kind)))
    table = read_table(f"frames_{task}", path / "test.parquet")
    assert table.equals(frames_table(task, "test", fitted.forest.predict(np.stack(tests))))
    assert read_metadata(path / "val.parquet")["fitted_on"] == "val, other videos"
    written = json.loads((path / "fit.json").read_text())
    assert (written["trees"], written["tried"]) == (fitted.trees, fitted.tried)
    again = run_forest(monkeypatch, tmp_path, task, "again")
    for file in (*expected, "test"):
        assert (path / f"{file}.parquet").read_bytes() == (again / f"{file}.parquet").read_bytes()
