"""What runs again of folds: those of the fold that an edit is about, and never the official split for the folds' sake.

Nothing is computed here: Snakemake takes empty files for results (`--touch`), and plans from what it knows of them.
"""

import re
from pathlib import Path

import pytest
from runs import SHRUNKEN, copy_tree, planned, snakemake

pytestmark = pytest.mark.workflow

ASKED = ["--", "results/submission_va_folds.zip", "results/submission_va.zip"]
FOLDS = {"va_fold1", "va_fold2"}


@pytest.fixture(scope="module")
def touched(tmp_path_factory) -> Path:
    """A folder in which two folds of valence and arousal have run, as far as Snakemake knows."""
    folder = copy_tree(tmp_path_factory.mktemp("folds") / "run")
    (folder / "two.yaml").write_text("folds: 2\n")
    plan = snakemake(folder, "-n", *SHRUNKEN, "two.yaml", *ASKED)
    for line in re.findall(r"^    output: (.*)$", plan, re.MULTILINE):
        for path in (folder / output for output in line.split(", ")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    snakemake(folder, "--touch", "--forceall", "--cores", "1", *SHRUNKEN, "two.yaml", *ASKED)
    assert not planned(folder, "two.yaml", *ASKED).jobs
    return folder


def test_a_value_of_a_stage_runs_it_again_in_every_fold(touched):
    (touched / "mine.yaml").write_text("dynamic: {network: {dropout: 0.2}}\n")
    plan = planned(touched, "two.yaml", "mine.yaml", *ASKED)
    assert plan.wildcards["task"] == {"va", *FOLDS, "va_folds"}
    assert plan.jobs["choose_dynamic"] == 3
    assert "train_static" not in plan.jobs
    assert "split_corpus" not in plan.jobs


def test_one_more_fold_leaves_the_official_split_alone(touched):
    (touched / "three.yaml").write_text("folds: 3\n")
    plan = planned(touched, "three.yaml", *ASKED)
    assert plan.wildcards["task"] == {*FOLDS, "va_fold3", "va_folds"}
    assert plan.jobs["train_static"] == 3
    assert not {"track_faces", "separate_speech", "index_corpus"} & set(plan.jobs)


def test_an_edit_of_one_fold_runs_that_fold_and_what_joins_it(touched):
    (touched / "results/corpus/va_fold1/train/tracks.parquet").write_text("edited")
    plan = planned(touched, "two.yaml", *ASKED)
    assert plan.wildcards["task"] == {"va_fold1", "va_folds"}
    assert plan.jobs["train_static"] == 1
