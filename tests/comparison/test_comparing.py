"""Runs side by side: differences paired by video, beside a loop; what differs, what it cost, and who is refused."""

import csv
import json
import os
import shutil
import sys
from pathlib import Path

import compare_runs
import numpy as np
import pyarrow as pa
import pytest

from abaw.comparison.opening import files_of, open_runs
from abaw.comparison.runs import (
    KEPT,
    SCORES,
    config_rows,
    cost_rows,
    keep_configuration,
    paired_difference,
    paired_rows,
    read_rows,
    score_rows_of,
)
from abaw.comparison.tracking import tracked_rows
from abaw.metrics import score
from abaw.report.scores import Resampling, score_rows, write_scores
from abaw.running.errors import UserError
from abaw.tables.arrays import frames_table
from abaw.tables.files import write_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]
RESAMPLING = Resampling(100, 3)
VIDEOS, ROWS = 6, 30
SYSTEM = {"title": "faces", "models": ["visual"], "fusion": "none"}


def truth_of(task, seed=0):
    rng = np.random.default_rng(seed)
    n = VIDEOS * ROWS
    truth = rng.uniform(-1, 1, (n, 2)) if task == "va" else rng.integers(0, 8, (n, 1)).astype(float)
    truth[::9] = np.nan
    return truth


def outputs_of(task, noise, seed=1):
    truth = np.nan_to_num(truth_of(task))
    known = truth if task == "va" else np.eye(8)[truth[:, 0].astype(int)]
    return np.float32(known + np.random.default_rng(seed).normal(0, noise, known.shape)).astype(float)


def finished_run(folder, noise, window_s, seed=0):
    """What a run leaves behind, as far as it is compared: a model, a system of it, and another that fuses."""
    samples = [f"v{k}" for k in range(VIDEOS)]
    keys = {"sample": np.repeat(samples, ROWS), "frame": np.tile(np.arange(1, ROWS + 1), VIDEOS)}
    scores = []
    for task in TASKS:
        corpus = folder / "results/corpus" / task / "val"
        track = {"path": "p", "fps_num": 25, "fps_den": 1, "n_frames": ROWS, "n_rows": ROWS, "duration_s": 1.2}
        track |= {"has_audio": True, "problems": "", "side": None, "frame_times_s": None}
        tracks = [track | {"sample": name, "video": name} for name in samples]
        write_table("tracks", pa.Table.from_pylist(tracks, schema=SCHEMAS["tracks"]), corpus / "tracks.parquet")
        truth = truth_of(task, seed)
        columns = {name: pa.array(truth[:, k], from_pandas=True) for k, name in enumerate(TASKS[task].labels)}
        own = pa.table(keys | columns).cast(SCHEMAS[f"labels_{task}"])
        write_table(f"labels_{task}", own, corpus / "labels.parquet")
        frames = frames_table(task, pa.table(keys), outputs_of(task, noise))
        write_table(f"frames_{task}", frames, folder / f"results/frames/{task}/visual/val.parquet")
        write_table(f"frames_{task}", frames, folder / f"results/nested/{task}/one.parquet")
        for name in ("visual", "one", "one_nested"):
            outputs = outputs_of(task, noise)
            scores += score_rows(task, name, "val", truth, outputs, keys["sample"], "train", RESAMPLING)
    write_scores(scores, folder / "results/report/scores.csv")
    config = {"seed": 1, "systems": {"one": SYSTEM}, "dynamic": {"window_s": window_s}, "runs": [], "predict": {"a": 1}}
    here = Path.cwd()
    os.chdir(folder)
    try:
        keep_configuration(config)
    finally:
        os.chdir(here)
    for rule, jobs in {"train_dynamic/va": [(2.5, 100)], "plot_sweep": [(1.0, 300)]}.items():
        path = folder / f"results/benchmarks/{rule}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{s}\t0:00:01\t{mb}\t1\t1\t1\t0\t0\t90\t{s / 2}" for s, mb in jobs]
        head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
        path.write_text("\n".join([head, *lines, ""]))
    return folder


@pytest.mark.parametrize("task", TASKS)
def test_a_difference_is_that_of_rows_that_are_really_drawn(task):
    truth, one, other = truth_of(task), outputs_of(task, 0.8), outputs_of(task, 0.5, seed=2)
    videos = np.repeat(np.arange(VIDEOS), ROWS)
    found = paired_difference(task, truth, [one, other], videos, RESAMPLING)
    measure = TASKS[task].challenge_measure
    values = [score(task, truth, said)[measure] for said in (one, other)]
    assert found[:3] == pytest.approx([*values, values[1] - values[0]], abs=1e-9)
    draws = np.random.default_rng(3).multinomial(VIDEOS, np.full(VIDEOS, 1 / VIDEOS), size=100)
    differences = []
    for draw in draws:
        rows = np.concatenate([np.tile(np.flatnonzero(videos == k), times) for k, times in enumerate(draw)])
        drawn = [score(task, truth[rows], said[rows])[measure] for said in (one, other)]
        differences.append(drawn[1] - drawn[0])
    assert found[3:] == pytest.approx(np.quantile(differences, [0.025, 0.975]), abs=1e-9)


def test_the_same_outputs_differ_by_nothing(tmp_path):
    runs = open_runs([str(finished_run(tmp_path / name, 0.5, 2.0)) for name in "ab"])
    rows = paired_rows(runs, RESAMPLING)
    assert {(row["task"], row["system"]) for row in rows} == {
        (task, name) for task in TASKS for name in ("visual", "one", "one_nested")
    }
    for row in rows:
        assert (row["difference"], row["low"], row["high"]) == ("0.0000", "0.0000", "0.0000")
    assert config_rows(runs) == []


def test_what_differs_what_it_cost_and_who_is_better(tmp_path):
    folders = [str(finished_run(tmp_path / "a", 0.8, 2.0)), str(finished_run(tmp_path / "b", 0.3, 4.0) / "results")]
    runs = open_runs(folders)
    assert config_rows(runs) == [{"key": "dynamic.window_s", folders[0]: "2.0", folders[1]: "4.0"}]
    for row in paired_rows(runs, RESAMPLING):
        assert float(row["low"]) > 0
        assert float(row["difference"]) == pytest.approx(
            float(row["second_value"]) - float(row["first_value"]), abs=2e-4
        )
    [sweep, training] = cost_rows(runs)
    assert (sweep["rule"], training["rule"]) == ("plot_sweep", "train_dynamic")
    assert [training[f"{folders[0]} {name}"] for name in ("s", "cpu_s", "max_mb")] == ["2.5", "1.2", "100.0"]
    tracked = tracked_rows(runs)
    assert {"run": folders[1], "kind": "parameter", "name": "dynamic.window_s", "value": "4.0"} in tracked
    assert {row["kind"] for row in tracked} == {"parameter", "metric", "cost"}


def with_folds(folder):
    """A finished run whose folds say together what its models of valence and arousal say."""
    for part in ("corpus", "frames", "nested"):
        shutil.copytree(folder / "results" / part / "va", folder / "results" / part / "va_folds")
    path = folder / "results/report/scores/va_folds_val.csv"
    path.parent.mkdir()
    write_scores([row for row in read_rows(folder / SCORES) if row["task"] == "va"], path)
    config = json.loads((folder / KEPT).read_text())
    (folder / KEPT).write_text(json.dumps(config | {"folds": 5}))
    return folder


def test_what_folds_say_together_is_compared_too(tmp_path):
    folders = [str(with_folds(finished_run(tmp_path / name, noise, 2.0))) for name, noise in (("a", 0.8), ("b", 0.3))]
    runs = open_runs(folders)
    rows = [row for row in paired_rows(runs, RESAMPLING) if row["task"] == "va_folds"]
    assert {row["system"] for row in rows} == {"visual", "one", "one_nested"}
    assert all(float(row["low"]) > 0 for row in rows)
    assert {row["task"] for row in score_rows_of(runs)} == {"va", "expr", "va_folds"}
    assert f"{folders[1]}/results/report/scores/va_folds_val.csv" in files_of(folders)
    without = open_runs([str(finished_run(tmp_path / "c", 0.5, 2.0)), folders[0]])
    assert {row["task"] for row in paired_rows(without, RESAMPLING)} == set(TASKS)


def test_a_run_that_gets_folds_later_keeps_its_configuration_anew(tmp_path, monkeypatch):
    monkeypatch.chdir(finished_run(tmp_path / "a", 0.5, 2.0))
    keep_configuration({"folds": 5})
    assert "folds" not in json.loads(KEPT.read_text())  # its scores are older
    later = SCORES.with_suffix("") / "va_folds_val.csv"
    later.parent.mkdir()
    later.touch()
    os.utime(later, (KEPT.stat().st_mtime + 1,) * 2)
    keep_configuration({"folds": 5})
    assert json.loads(KEPT.read_text()) == {"folds": 5}


def test_other_labels_are_not_compared(tmp_path):
    runs = open_runs([str(finished_run(tmp_path / name, 0.5, 2.0, seed)) for seed, name in enumerate("ab")])
    for row in paired_rows(runs, RESAMPLING):
        assert (row["same_rows"], row["difference"]) == ("no", "")


def test_a_run_from_before_configurations_were_kept_says_so(tmp_path):
    folders = [str(finished_run(tmp_path / name, 0.5, 2.0)) for name in "ab"]
    (tmp_path / "b/results/report/config.json").unlink()
    rows = config_rows(open_runs(folders))
    assert {row[folders[1]] for row in rows} == {"not known"}
    assert {row["system"] for row in paired_rows(open_runs(folders), RESAMPLING)} == {"visual"}


@pytest.mark.parametrize(
    ("names", "said"),
    [([], "runs has 0 folders"), (["a"], "runs has 1 folders"), (["a", "a"], "twice"), (["a", "c"], "has no results")],
)
def test_what_cannot_be_compared_is_a_sentence(tmp_path, names, said):
    finished_run(tmp_path / "a", 0.5, 2.0)
    with pytest.raises(UserError, match=said):
        files_of([str(tmp_path / name) for name in names])


def test_the_command_writes_a_page_that_escapes_and_tables(tmp_path, monkeypatch):
    folders = [str(finished_run(tmp_path / name, 0.5, 2.0)) for name in ("a", "<b>")]
    arguments = ["--runs", *folders, "--template", str(ROOT / "workflow/report/compare.html")]
    arguments += ["--resamples", "100", "--seed", "1", "--page", str(tmp_path / "out/index.html")]
    names = ("config", "scores", "paired", "cost", "tracked")
    for name in names:
        arguments += [f"--{name}", str(tmp_path / f"out/{name}.csv")]
    monkeypatch.setattr(sys, "argv", ["compare_runs.py", *arguments])
    compare_runs.main()
    page = (tmp_path / "out/index.html").read_text()
    assert "<b>" not in page and "&lt;b&gt;" in page
    with (tmp_path / "out/paired.csv").open(newline="") as handle:
        assert len(list(csv.DictReader(handle))) == 6
    assert (tmp_path / "out/config.csv").read_text().strip() == ""
    kept = json.loads((tmp_path / "a/results/report/config.json").read_text())
    assert set(kept) == {"seed", "systems", "dynamic"}
