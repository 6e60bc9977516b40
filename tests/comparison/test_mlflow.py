"""Runs for programs that track experiments: MLflow's files and CSV, written and read back, and who is refused."""

import csv
import sys

import pytest
import track_runs
import yaml
from test_comparing import RESAMPLING, finished_run

from abaw.comparison.mlflow import read_run, runs_in, write_store
from abaw.comparison.opening import files_of, open_runs
from abaw.comparison.runs import config_rows, cost_rows, paired_rows, score_rows_of
from abaw.comparison.tracking import rows_of, tracked_rows, write_rows
from abaw.running.errors import UserError


@pytest.fixture
def runs(tmp_path):
    folders = [finished_run(tmp_path / name, noise, noise) for name, noise in (("a", 0.5), ("b", 0.8))]
    return open_runs([str(folder) for folder in folders])


def test_a_store_and_a_csv_give_the_rows_back(runs, tmp_path):
    write_store(runs, tmp_path / "mlruns")
    write_rows(tracked_rows(runs), tmp_path / "tracked.csv")
    known = {run.folder.name: set(rows_of(run)) for run in runs}
    assert min(len(rows) for rows in known.values()) > 20
    stored = open_runs([str(tmp_path / "mlruns")])
    assert {run.name: set(rows_of(run)) for run in stored} == known
    listed = open_runs([str(tmp_path / "tracked.csv")])
    assert {run.name.split("/")[-1]: set(rows_of(run)) for run in listed} == known
    assert [set(rows_of(run)) for run in open_runs([str(stored[0].folder)], least=1)] == [known[stored[0].name]]


def test_what_is_read_is_set_beside_a_run_without_being_paired(runs, tmp_path):
    write_store(runs[1:], tmp_path / "mlruns")
    both = open_runs([runs[0].name, str(tmp_path / "mlruns")])
    assert [row["key"] for row in config_rows(both)] == ["dynamic.window_s"]
    assert paired_rows(both, RESAMPLING) == []
    assert len(score_rows_of(both)) == sum(len(run.scores) for run in runs)
    assert [row["b s"] for row in cost_rows(both)] == ["1.0", "2.5"]
    write_rows(score_rows_of(both[::-1]), tmp_path / "scores.csv")  # all rows have the same columns


def test_the_same_run_has_the_same_id_and_a_store_is_replaced_whole(runs, tmp_path):
    store = tmp_path / "mlruns"
    write_store(runs, store)
    first = runs_in(store)
    write_store(runs[:1], store)
    assert len(first) == 2
    assert [path for path in first if path.is_dir()] == runs_in(store)
    assert not list(tmp_path.glob(".*.part"))


def test_mlflow_reads_the_store(runs, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs mlflow-skinny, which nothing else does")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    write_store(runs, tmp_path / "mlruns")
    client = mlflow.MlflowClient((tmp_path / "mlruns").as_uri())
    [experiment] = [one for one in client.search_experiments() if one.name == "abaw-flow"]
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(found) == {"a", "b"}
    for run in runs:
        theirs = found[run.folder.name]
        for kind, name, value in rows_of(run):
            if kind == "parameter":
                assert theirs.data.params[name] == value
            else:
                assert theirs.data.metrics[name if kind == "metric" else f"cost/{name}"] == float(value)
        assert theirs.info.status == "FINISHED"
        assert {one.path for one in client.list_artifacts(theirs.info.run_id)} == {"config.json", "scores.csv"}


def test_runs_of_others_are_read_whatever_they_call_their_metrics(tmp_path):
    run = tmp_path / "mlruns/0/abc"
    for name, text in {
        "metrics/val_ccc": "1 0.5 0\n3 0.25 2\n2 0.75 2\n",
        "params/lr": "fast",
        "params/n": "3",
    }.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(text)
    (run / "meta.yaml").write_text(yaml.safe_dump({"run_id": "abc", "run_name": "theirs"}))
    theirs = read_run(run)
    assert theirs.config == {"lr": "fast", "n": 3}
    [score] = theirs.scores
    assert (score["measure"], score["value"], score["task"]) == ("val_ccc", "0.25", "")
    assert files_of([str(tmp_path / "mlruns")], least=1) == [str(run / "meta.yaml")]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("mlruns/0/abc/metrics/f1", "1 good 0\n", r"f1, line 1 is 'good', expected a number"),
        ("mlruns/0/abc/metrics/f1", "1\n", r"f1, line 1 has 1 words, expected a time in ms"),
        ("mlruns/0/abc/metrics/f1", "", r"f1 is empty"),
        ("mlruns/0/abc/meta.yaml", "a: [", r"meta.yaml is no meta.yaml of MLflow"),
        ("tracked.csv", "a,b\n1,2\n", r"tracked.csv has the columns a, b; expected run, kind, name, value"),
        ("tracked.csv", "run,kind,name,value\nr,score,x,1\n", r"line 2 has the kind 'score', expected one of"),
        ("tracked.csv", "run,kind,name,value\nr,metric,x,?\n", r"line 2: x is '\?', expected a number"),
        ("tracked.csv", "run,kind,name,value\nr,parameter,x\n", r"line 2 ends before its value, expected run, kind"),
        ("else/file", "", r"is no CSV and no store of MLflow either"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path, file, text, said):
    (tmp_path / "mlruns/0/abc/metrics").mkdir(parents=True)
    (tmp_path / "else").mkdir()
    (tmp_path / "mlruns/0/abc/meta.yaml").write_text("run_id: abc\n")
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=said):
        open_runs([str(tmp_path / file.split("/")[0])], least=1)


def test_the_command_writes_a_store_and_a_csv(runs, tmp_path, monkeypatch):
    arguments = ["--runs", *(run.name for run in runs), "--store", str(tmp_path / "out/mlruns")]
    monkeypatch.setattr(sys, "argv", ["track_runs.py", *arguments, "--tracked", str(tmp_path / "out/tracked.csv")])
    track_runs.main()
    assert len(runs_in(tmp_path / "out/mlruns")) == 2
    with (tmp_path / "out/tracked.csv").open(newline="") as handle:
        assert len(list(csv.DictReader(handle))) == sum(len(rows_of(run)) for run in runs)
