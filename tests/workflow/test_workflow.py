"""The workflow itself, run for real on a shrunken corpus: from generated videos to checked submissions."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from itertools import pairwise

import pyarrow.parquet as pq
import pytest
import yaml
from runs import ROOT, SHRUNKEN, copy_tree, in_background, planned, snakemake
from warm import python

from abaw.corpus.template import read_template
from abaw.submission import check_predictions
from abaw.tasks import TASKS

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize("task", TASKS)
def test_the_submissions_match_their_template(finished, task):
    name = {"va": "VA", "expr": "Expr"}[task]
    template = finished / f"results/demo/prediction_files_format/CVPR_6th_ABAW_{name}_test_set_sample.txt"
    with zipfile.ZipFile(finished / f"results/submission_{task}.zip") as archive:
        assert archive.namelist() == [f"system_{number}/predictions.txt" for number in (1, 2, 3, 4)]
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    for inside, text in texts.items():
        check_predictions(text, read_template(template, task), task)
        assert text.splitlines()[0] == TASKS[task].header
        assert len(text.splitlines()) == len(template.read_text().splitlines())
        assert (finished / f"results/submissions/{task}/{inside}").read_text() == text


def test_every_number_of_the_report_can_be_recomputed_from_the_tables(finished):
    script = ROOT / "tests" / "recompute_report.py"
    arguments = [python(), script, ".", "--configfile", "tests/config/shrunken.yaml"]
    done = subprocess.run(arguments, cwd=finished, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for part in ("scores", "smoothing", "forests", "functionals", "tables", "page"):
        assert f"{part}: 0 numbers differ" in done.stdout


@pytest.mark.parametrize("task", TASKS)
def test_fusion_is_not_below_its_models_and_says_what_it_was_fitted_on(finished, task):
    with (finished / "results/report/scores.csv").open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["measure"] == TASKS[task].challenge_measure]
    found = {row["system"]: row for row in rows if (row["task"], row["split"]) == (task, "val")}
    value = {name: float(row["value"]) for name, row in found.items()}
    assert value["system_1"] == value["visual"]
    assert value["system_2"] >= max(value["visual"], value["acoustic"]) - 1e-4
    assert value["system_3"] >= max(value["visual"], value["acoustic"], value["functional"]) - 1e-4
    assert value["system_4_in_sample"] > value["system_4_out_of_bag"] > value["system_4"]
    assert found["visual"]["fitted_on"] == "train; epoch, window, normaliser on val"
    assert found["system_1"]["fitted_on"] == found["visual"]["fitted_on"]
    assert found["acoustic"]["fitted_on"] == "train; architecture on val"
    assert found["functional"]["fitted_on"] == "train; functionals, kernel, C on val"
    assert found["system_2"]["fitted_on"].endswith("window, normaliser, architecture on val; weights on val")
    assert found["system_4"]["fitted_on"].endswith("functionals, kernel, C on val; forest on val, other videos")
    assert found["system_2_nested"]["fitted_on"] == "train; all chosen on other videos of val"
    assert {name for name in found if name.endswith("nested")} == {f"system_{n}_nested" for n in (1, 2, 3)}
    assert set(found) >= {"self_attention", "cross_attention", "constant"}


def test_a_value_on_the_command_line_counts_as_the_same_value_in_a_file(finished):
    same = ["--config", "demo={tracks: 10}", "fusion={dirichlet: {candidates: 50}}", "corpus={crops: null}"]
    assert planned(finished, *same).jobs == {}
    assert planned(finished, "--config", "fusion={dirichlet: {candidates: 51}}").jobs["fuse_dirichlet"] > 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("systems: {system_2: {models: [visual, vocal]}}", "systems.system_2.models has 'vocal', expected some of"),
        ("systems: {system_1: {fusion: forest}}", "a system of 1 models cannot have the fusion forest"),
        ("systems: {system_2: {weights: 3}}", "there is no key systems.system_2.weights; allowed here are title"),
        (
            "attention: {mechanisms: []}\nsystems: {system_2: {models: [visual, cross_attention]}}",
            "systems.system_2.models has 'cross_attention', expected some of visual, acoustic, functional",
        ),
    ],
)
def test_a_system_that_cannot_be_stops_before_any_job(finished, tmp_path, change, says):
    (tmp_path / "wrong.yaml").write_text(change)
    said = snakemake(finished, "-n", *SHRUNKEN, str(tmp_path / "wrong.yaml"), check=False)
    assert says in said
    assert "Traceback" not in said


def test_every_analysed_frame_has_a_row_and_some_have_no_face(finished):
    tables = [pq.read_table(path) for path in (finished / "results/faces").glob("*.parquet")]
    flags = [flag for table in tables for flag in table["has_face"].to_pylist()]
    assert 0.5 < sum(flags) / len(flags) < 1
    for table in tables:
        times = sorted(set(table["time_s"].to_pylist()))
        assert max(b - a for a, b in pairwise(times)) < 0.35


def test_the_report_shows_scores_curves_and_timelines(finished):
    snakemake(finished, "--report", "report.zip", *SHRUNKEN)
    with zipfile.ZipFile(finished / "report.zip") as archive:
        names = archive.namelist()
        [page] = [name for name in names if name.endswith("report.html")]
        html = archive.read(page).decode()
    tables = ["scores.csv", "tables.csv", "problems.csv", "broken.csv", "sweep_va.csv", "index.html"]
    figures = ["timeline_va.png", "timeline_expr.png", "curves_va.png", "sweep_expr.png"]
    figures += ["confusion_expr.png", "weights_va.png"]
    for shown in tables + figures:
        assert shown in html
    assert "fitted_on" in html  # a caption


def test_a_wrong_value_stops_before_any_job_in_a_sentence(finished):
    said = snakemake(finished, "--cores", "2", "--config", "faces={margin: 3}", check=False)
    assert "error: the configuration is wrong: there is no key faces.margin; allowed here are" in said
    assert "Traceback" not in said
    said = snakemake(finished, "--cores", "2", "--config", "seed=-1", check=False)
    assert "seed is -1: input should be greater than or equal to 0" in said


def test_two_runs_at_once_end_in_a_sentence(tmp_path):
    folder = copy_tree(tmp_path / "twice")
    first = in_background(folder, "--cores", "1", *SHRUNKEN)
    try:
        while not (folder / ".snakemake" / "abaw.lock").exists():
            time.sleep(0.1)
        time.sleep(0.5)
        said = snakemake(folder, "--cores", "1", *SHRUNKEN, check=False)
        assert f"another run is writing in {folder} (process {first.pid})" in said
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def test_every_rule_is_documented_logged_and_sized():
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""'), f"{path.name} needs a header docstring"
        for name, body in re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule \w+:|\Z)", text, re.MULTILINE | re.DOTALL):
            assert body.lstrip().startswith('"""'), f"{name} needs a docstring"
            for part in ("log:", "benchmark:", "conda:", "threads:", "resources:", "mem_mb", "runtime"):
                assert part in body, f"{name} lacks {part}"
            script = f"{path.stem}/{name}"
            assert f'code=code("{script}")' in body, f"{name} must run the script of its name, of its stage"
            assert f'modules=modules("{script}")' in body, f"{name} must run again when its modules change"
            assert (ROOT / "workflow" / "scripts" / f"{script}.py").is_file()


def test_the_chart_of_the_rules_is_that_of_the_workflow():
    done = subprocess.run([sys.executable, ROOT / "tools" / "rulegraph.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_cards_say_what_the_weights_are(finished):
    card = json.loads(next((finished / "results/static/va").rglob("card.json")).read_text())
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    assert card["backbone"] == default["static"]["backbones"]["va"]["backbone"]
    assert card["input_px"] == 64
    assert len(card["sha256"]) == 64
    assert card["outputs"] == ["valence", "arousal"]
