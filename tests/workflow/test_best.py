"""config/affwild2_best.yaml on a corpus of AffWild2's form: it plans, and says whose each value is."""

import json
import re

import pytest
import yaml
from affwild2 import write_affwild2
from runs import ROOT, copy_tree, snakemake

from abaw.corpus.layout import WITHOUT_TRACKS

SHARE = 0.02
FOLDS = 5


def planned_jobs(folder, preset):
    """How many jobs of each rule a dry run lists."""
    said = snakemake(folder, "-n", "--quiet", "rules", "--configfile", f"config/{preset}.yaml", "mine.json")
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)}


@pytest.mark.workflow
def test_the_preset_plans_its_folds_and_looks_at_each_video_once(tmp_path):
    folder = copy_tree(tmp_path / "flow")
    corpus = write_affwild2(tmp_path / "affwild2", None, share=SHARE).model_dump()
    (folder / "mine.json").write_text(json.dumps({"corpus": corpus}))
    jobs = planned_jobs(folder, "affwild2_best")
    challenges, cells, systems = 2 * (1 + FOLDS), 2 * 2, 4
    for rule in ("train_static", "train_acoustic", "train_voice_functional", "train_attention"):
        assert jobs[rule] == challenges
    assert jobs["train_dynamic"] == challenges * cells
    assert jobs["calibrate_classes"] == 2 * systems  # of the official split, and of all folds together
    n_videos = len(list((tmp_path / "affwild2/videos").rglob("*.*"))) - len(WITHOUT_TRACKS)
    for rule in ("digest_video", "track_faces", "separate_speech", "gate_speech"):
        assert jobs[rule] == n_videos  # once, whatever the number of folds


def test_it_reads_the_same_corpus_as_the_papers_run_and_each_value_says_whose_it_is():
    text = (ROOT / "config" / "affwild2_best.yaml").read_text(encoding="utf-8")
    paper, best = (
        yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in ("affwild2", "affwild2_best")
    )
    assert best["corpus"] == paper["corpus"] | {"unscored": []}
    assert best["folds"] == FOLDS
    lines = text.split("\nstatic:")[1].split("\nsystems:")[0].splitlines()
    assert [line for line in lines if re.search(r"^[^#]*: [^#]", line) and " # " not in line] == []
