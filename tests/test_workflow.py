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

import pyarrow.parquet as pq
import pytest
import yaml

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
    found += [*results.rglob("*.html"), *results.rglob("predictions.txt")]
    found += [*results.rglob("*.csv"), *results.rglob("*.json"), *results.rglob("*.flac"), *results.rglob("*.png")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder in which the shrunken workflow has run on two cores, undisturbed."""
    folder = copy_tree(tmp_path_factory.mktemp("undisturbed") / "abaw flow's")  # a blank and a quote in the path
    snakemake(folder, "--cores", "2", *SHRUNKEN)
    return folder


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
    arguments = [sys.executable, script, ".", "--configfile", "tests/config/shrunken.yaml"]
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
    assert found["system_2"]["fitted_on"] == "val"
    assert found["system_4"]["fitted_on"] == "val, other videos"
    assert found["functional"]["fitted_on"] == "train, combination chosen on val"
    assert set(found) >= {"self_attention", "cross_attention", "constant"}


FIFTH = """
systems:
  system_5:
    title: both simple models
    models: [acoustic, functional]
    fusion: dirichlet
"""


def test_a_fifth_system_is_four_lines_and_runs_only_what_is_new(finished, tmp_path):
    (tmp_path / "fifth.yaml").write_text(FIFTH)
    found = planned(finished, str(tmp_path / "fifth.yaml"))
    assert (found["fuse_dirichlet"], found["write_submission"], found["zip_submissions"]) == (2, 2, 2)
    assert not {"fuse_forest", "align_predictions", "train_attention", "train_dynamic"} & set(found)


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
    snakemake(finished, "--report", "results/report.zip", *SHRUNKEN)
    with zipfile.ZipFile(finished / "results/report.zip") as archive:
        names = archive.namelist()
        [page] = [name for name in names if name.endswith("report.html")]
        html = archive.read(page).decode()
    tables = ["scores.csv", "tables.csv", "problems.csv", "broken.csv", "sweep_va.csv", "index.html"]
    figures = ["timeline_va.png", "timeline_expr.png", "curves_va.png", "sweep_expr.png"]
    figures += ["confusion_expr.png", "weights_va.png"]
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
        ("src/abaw/timeline.py", {"align_predictions", "sweep_smoothing"}, {"predict_dynamic", "embed_voice"}),
        ("src/abaw/fusion/dirichlet.py", {"fuse_dirichlet"}, {"align_predictions", "train_functional"}),
        ("src/abaw/fusion/forest.py", {"fuse_forest"}, {"fuse_dirichlet", "align_predictions"}),
        ("src/abaw/elm.py", {"train_functional"}, {"train_dynamic", "embed_faces", "train_attention"}),
        ("src/abaw/nn/attention.py", {"train_attention"}, {"train_dynamic", "train_functional", "embed_voice"}),
        ("workflow/report/index.html", {"write_report"}, {"collect_scores", "compare_paper"}),
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
    path.write_text(
        before + ("\n# an edited line\n" if path.suffix == ".py" else "\n<!-- an edited line -->\n"), encoding="utf-8"
    )
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
    # Models, challenges and splits; no system takes attention, whose test split is not asked for.
    assert found["align_predictions"] == 3 * 2 * 3 + 2 * 2 * 2
    assert found["write_report"] == 1
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
