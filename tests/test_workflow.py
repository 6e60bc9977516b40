"""The workflow itself, run for real on a shrunken corpus: from generated videos to checked submissions."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import audmetric
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.metrics import f1_score

from abaw.submission import check_predictions, read_template
from abaw.tasks import TASKS

ROOT = Path(__file__).resolve().parents[1]
PARTS = ["Snakefile", "workflow", "profiles", "config", "envs", "src", "tests"]
SHRUNKEN = ["--configfile", "tests/config/shrunken.yaml"]

pytestmark = pytest.mark.workflow


def copy_tree(folder: Path) -> Path:
    """The project in a folder of its own, so that runs and edits touch nobody else's."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, folder / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part, follow_symlinks=False)
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", *arguments]


def environment() -> dict[str, str]:
    """As in an activated environment: `python` is the one that runs the tests."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def snakemake(folder: Path, *arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if check:
        assert done.returncode == 0, done.stdout[-6000:]
    else:
        assert done.returncode != 0
    return done.stdout


def in_background(folder: Path, *arguments: str) -> subprocess.Popen:
    """A run in a process group of its own, which can be killed as a whole."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command(*arguments), cwd=folder, env=environment(), start_new_session=True, **silent)


def planned(folder: Path, *arguments: str) -> Counter[str]:
    """How many jobs of each rule a dry run lists."""
    said = snakemake(folder, "-n", *SHRUNKEN, *arguments)
    return Counter(re.findall(r"^(?:local)?rule (\w+):", said, re.MULTILINE))


def contents(folder: Path) -> dict[str, bytes]:
    """Every final file and every table of a run, by path: all that must not depend on how the run went."""
    results = folder / "results"
    found = [*results.glob("submission_*.zip"), *results.rglob("*.parquet"), *results.rglob("*.safetensors")]
    found += [*results.rglob("*.csv"), *results.rglob("*.json"), *results.rglob("*.flac"), *results.rglob("*.png")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def by_row(path: Path, columns: tuple[str, ...]) -> dict[tuple[str, int], list[float | None]]:
    """The values of a table by sample and frame."""
    rows = pq.read_table(path).to_pylist()
    return {(row["sample"], row["frame"]): [row[name] for name in columns] for row in rows}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder in which the shrunken workflow has run on two cores, undisturbed."""
    folder = copy_tree(tmp_path_factory.mktemp("undisturbed") / "abaw flow's")  # a blank and a quote in the path
    snakemake(folder, "--cores", "2", *SHRUNKEN)
    return folder


@pytest.mark.parametrize("task", TASKS)
def test_the_submission_matches_its_template(finished, task):
    name = {"va": "VA", "expr": "Expr"}[task]
    template = finished / f"results/demo/prediction_files_format/CVPR_6th_ABAW_{name}_test_set_sample.txt"
    with zipfile.ZipFile(finished / f"results/submission_{task}.zip") as archive:
        assert archive.namelist() == ["predictions.txt"]
        text = archive.read("predictions.txt").decode()
    check_predictions(text, read_template(template, task), task)
    assert text.splitlines()[0] == TASKS[task].header
    assert len(text.splitlines()) == len(template.read_text().splitlines())


def test_the_scores_can_be_recomputed_from_the_tables_alone(finished):
    with (finished / "results/report/scores.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == ["task", "system", "split", "measure", "value", "rows", "fitted_on"]
    found = {(row["task"], row["system"], row["split"], row["measure"]): row for row in rows}
    for task, system in (("va", "visual"), ("va", "fused"), ("expr", "acoustic"), ("expr", "fused")):
        truth = by_row(finished / f"results/corpus/{task}/val/labels.parquet", TASKS[task].labels)
        frames = by_row(finished / f"results/frames/{task}/{system}/val.parquet", TASKS[task].outputs)
        keys = [key for key, values in truth.items() if None not in values]
        row = found[task, system, "val", TASKS[task].challenge_measure]
        assert int(row["rows"]) == len(keys)
        pairs = np.array([truth[key] for key in keys]), np.array([frames[key] for key in keys])
        if task == "va":
            value = np.mean([audmetric.concordance_cc(t, p) for t, p in zip(*(both.T for both in pairs), strict=True)])
        else:
            value = f1_score(pairs[0][:, 0], pairs[1].argmax(axis=1), labels=range(8), average="macro", zero_division=0)
        assert float(row["value"]) == pytest.approx(value, abs=1e-4)
    for task in TASKS:
        measure = TASKS[task].challenge_measure
        values = {
            system: float(found[task, system, "val", measure]["value"]) for system in ("visual", "acoustic", "fused")
        }
        assert values["fused"] >= max(values["visual"], values["acoustic"]) - 1e-4
        assert found[task, "fused", "val", measure]["fitted_on"] == "val"


def test_every_analysed_frame_has_a_row_and_some_have_no_face(finished):
    tables = [pq.read_table(path) for path in (finished / "results/faces").glob("*.parquet")]
    flags = [flag for table in tables for flag in table["has_face"].to_pylist()]
    assert 0.5 < sum(flags) / len(flags) < 1
    for table in tables:
        times = sorted(set(table["time_s"].to_pylist()))
        assert max(b - a for a, b in pairwise(times)) < 0.35


def test_the_report_shows_scores_curves_and_timelines(finished):
    snakemake(finished, "--report", "results/report.zip", *SHRUNKEN)
    with zipfile.ZipFile(finished / "results/report.zip") as archive:
        names = archive.namelist()
        [page] = [name for name in names if name.endswith("report.html")]
        html = archive.read(page).decode()
    tables = ["scores.csv", "problems.csv", "broken.csv", "sweep_va.csv"]
    figures = ["timeline_va.png", "timeline_expr.png", "curves_va.png", "sweep_expr.png"]
    for shown in tables + figures:
        assert shown in html
    assert "fitted_on" in html  # a caption


def test_a_second_call_has_nothing_to_do(finished):
    assert "Nothing to be done" in snakemake(finished, "--cores", "2", *SHRUNKEN)
    assert "Nothing to be done" in snakemake(finished, "results/submission_va.zip", "--cores", "2", *SHRUNKEN)


def test_touching_every_file_reruns_nothing(finished):
    for part in PARTS:
        for path in [finished / part, *(finished / part).rglob("*")]:
            if path.is_file() and not path.is_symlink():
                path.touch()
    assert planned(finished) == {}
    for path in (finished / "results").rglob("*"):
        if path.is_file():
            path.touch()
    assert planned(finished) == {}


@pytest.mark.parametrize(
    ("file", "first", "spared"),
    [
        ("src/abaw/timeline.py", {"align_predictions"}, {"predict_dynamic", "predict_acoustic", "index_corpus"}),
        ("src/abaw/fusion/dirichlet.py", {"fuse_dirichlet"}, {"align_predictions"}),
        ("src/abaw/speech/gate.py", {"gate_speech"}, {"track_faces", "extract_audio", "train_dynamic"}),
        ("src/abaw/nn/spleeter.py", {"separate_speech"}, {"extract_audio", "gate_speech", "train_dynamic"}),
        ("src/abaw/nn/dynamic.py", {"train_dynamic", "predict_dynamic"}, {"embed_faces", "train_acoustic"}),
        ("src/abaw/corpus/check.py", {"check_corpus"}, {"track_faces", "extract_audio", "index_corpus"}),
        ("workflow/scripts/plot_curves.py", {"plot_curves"}, {"plot_timeline", "collect_scores"}),
    ],
)
def test_an_edited_line_reruns_its_rule_and_what_follows(finished, file, first, spared):
    path = finished / file
    before = path.read_text(encoding="utf-8")
    path.write_text(before + "\n# an edited line\n", encoding="utf-8")
    try:
        found = planned(finished)
    finally:
        path.write_text(before, encoding="utf-8")
    assert first <= set(found)
    assert not spared & set(found)
    assert planned(finished) == {}


def test_a_changed_value_reruns_the_rules_that_read_it(finished, tmp_path):
    (tmp_path / "mine.yaml").write_text("timeline:\n  smoothing_s: 1.0\n")
    found = planned(finished, str(tmp_path / "mine.yaml"))
    assert found["align_predictions"] == 12
    assert not {"train_static", "predict_dynamic", "predict_acoustic", "index_corpus"} & set(found)


def test_another_window_trains_its_own_cell_only(finished, tmp_path):
    (tmp_path / "more.yaml").write_text("dynamic:\n  sweep:\n    windows_s: [1.0, 2.0, 3.0]\n")
    found = planned(finished, str(tmp_path / "more.yaml"))
    assert found["train_dynamic"] == len(TASKS)
    assert found["choose_dynamic"] == len(TASKS)
    assert not {"train_static", "embed_faces", "train_acoustic", "track_faces"} & set(found)


def test_a_wrong_value_stops_before_any_job_in_a_sentence(finished):
    said = snakemake(finished, "--cores", "2", "--config", "faces={margin: 3}", check=False)
    assert "error: the configuration is wrong: there is no key faces.margin; allowed here are" in said
    assert "Traceback" not in said
    said = snakemake(finished, "--cores", "2", "--config", "seed=-1", check=False)
    assert "seed is -1: input should be greater than or equal to 0" in said


def test_a_kill_and_one_core_end_with_the_same_bytes(finished, tmp_path):
    folder = copy_tree(tmp_path / "killed")
    arguments = ["--cores", "1", *SHRUNKEN]
    for log in ("logs/train_static", "logs/predict_dynamic"):
        process = in_background(folder, *arguments)
        while process.poll() is None and not (folder / log).exists():
            time.sleep(0.2)
        time.sleep(3)  # into the job, past its imports
        assert process.poll() is None, "the run ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    snakemake(folder, *arguments)
    expected, found = contents(finished), contents(folder)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    assert not [path for path in (folder / "results").rglob("*") if ".part" in path.name]


def test_two_runs_at_once_end_in_a_sentence(finished, tmp_path):
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
            assert f'code=code("{name}")' in body, f"{name} must run the script of its name"
            assert (ROOT / "workflow" / "scripts" / f"{name}.py").is_file()


def test_the_cards_say_what_the_weights_are(finished):
    card = json.loads(next((finished / "results/static/va").rglob("card.json")).read_text())
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    assert card["backbone"] == default["static"]["backbone"]
    assert card["input_px"] == 64
    assert len(card["sha256"]) == 64
    assert card["outputs"] == ["valence", "arousal"]
