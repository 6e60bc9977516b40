"""The ablation of benchmarks/beyond.py: its parts are the preset's own values, and its figures those of the cells."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import beyond
import estimate_nested
from beyond_figures import Cells, figures, table
from beyond_judging import Asked, Judged, judge
from beyond_parts import ALL, ATTENTION, OFF, PAPER, PARTS, QUICK, WHOLE, Setting, merged, setting_of
from runs import snakemake
from small_validation import said_by, truth_of, write_candidates, write_split

from abaw.config import check_config
from abaw.fusion.candidates import Candidates
from abaw.fusion.dirichlet import DirichletWeightedFusion
from abaw.metrics import score
from abaw.report.scores import Resampling
from abaw.tables.arrays import matrix
from abaw.tables.files import read_table
from abaw.tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]
BEST = yaml.safe_load((ROOT / "config/affwild2_best.yaml").read_text(encoding="utf-8"))
STANDIN = ROOT / "config/standin.yaml"


def value(config, key):
    for word in key.split("."):
        config = config[word]
    return config


@pytest.mark.parametrize("configfiles", [[], [STANDIN]])
def test_each_part_is_the_presets_own_values_and_nothing_else(configfiles):
    setting = setting_of(configfiles, list(PARTS))
    assert set(setting.parts) == set(PARTS) - ({"modality_dropout", "crop_scales"} if configfiles else set())
    assert set(PARTS) - set(QUICK) == {"crop_scales"}
    plain = setting.config(OFF, 3)
    asked = {PAPER, WHOLE} | ({ATTENTION} if "modality_dropout" in setting.parts else set())
    assert (plain["seed"], set(plain["systems"])) == (3, asked)
    for name in setting.parts:
        changed = setting.config(name, 3)
        check_config(changed)
        for key in (*PARTS[name].keys, *PARTS[name].also):
            known = value(BEST, PARTS[name].keys[0] if key in PARTS[name].also else key)
            inside = value(changed, key)
            assert inside == (known | inside if isinstance(known, dict) else known)
        assert changed != plain
        sections = {key.split(".")[0] for key in PARTS[name].keys}
        assert {key for key in plain if plain[key] != changed[key]} == sections | {"systems"}
    everything = setting.config(ALL, 3)
    check_config(everything)
    for name in setting.parts:
        assert merged(everything, setting.parts[name]) == everything


def test_the_stand_in_corpus_has_expressions_without_attention():
    setting = setting_of([STANDIN], list(PARTS))
    assert setting.tasks == ["expr"]
    systems = setting.base["systems"]
    assert systems[ATTENTION]["models"] == ["visual"]
    assert systems[WHOLE]["models"] == systems[PAPER]["models"] == ["visual", "voice_functional", "functional"]


def test_long_windows_are_a_part_unasked_only_where_videos_are_long():
    assert set(setting_of([], None).parts) == set(QUICK) - {"windows"}
    assert set(setting_of([STANDIN], None).parts) == set(QUICK) - {"modality_dropout"}
    assert set(setting_of([], ["windows"]).parts) == {"windows"}


def models_of(setting, cell):
    return set(Candidates(check_config(setting.config(cell, 1))).of_task("va").values())


def test_a_part_trains_the_models_of_the_system_in_which_it_is_scored_and_nothing_else():
    setting = setting_of([], QUICK)
    after = {name for name in setting.parts if not PARTS[name].trains}
    assert after == {"smoothing", "refine", "logits", "class_bias"}
    paper = {"visual", "acoustic", "functional"}
    assert models_of(setting, "focal") == models_of(setting, "layers") == paper
    assert models_of(setting, "modality_dropout") == {"cross_attention"}
    assert models_of(setting, OFF) == models_of(setting, ALL) == paper | {"cross_attention", "voice_functional"}
    for name in after:  # what comes after the networks leaves each of these as it is
        off, on = (setting.config(cell, 1) for cell in (OFF, name))
        assert {key for key in off if off[key] != on[key]} <= {"timeline", "fusion", "systems"}
    assert len(setting.base["dynamic"]["sweep"]["normalisers"]) == 1


def test_each_training_of_a_seed_is_done_once_and_a_killed_one_again(tmp_path, monkeypatch):
    """The order of work and what is left out; the trainings themselves are replaced by notes of them."""
    done, setting = [], setting_of([], ["smoothing", "class_bias", "focal", "windows"])
    fails = {"windows"}

    def begin(folder, *_):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results").mkdir(exist_ok=True)
        (folder / "results" / "made").touch()

    def train(folder, _, name, *__):
        assert (folder / "results" / "made").is_file()
        assert folder.name == name
        done.append(name)
        if name in fails:
            raise KeyboardInterrupt

    def judged(_, asked, tasks, *__):
        done.append(tuple(one.cell for one in asked))
        return {one.cell: {"scores": {task: {} for task in one.tasks if task in tasks}} for one in asked}

    for name, own in (("begin", begin), ("train", train), ("judge", judged)):
        monkeypatch.setattr(beyond, name, own)
    cells = Cells(tmp_path / "cells.json")

    def run(until=float("inf")):
        done.clear()
        beyond.run_seed(tmp_path / "seed1", tmp_path, setting, 1, 1, cells, until)

    run(until=0)
    assert done == []
    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == [OFF, (OFF, "smoothing", "class_bias"), "focal", ("focal",), "windows"]
    fails.clear()
    cells = Cells(tmp_path / "cells.json")
    run()
    assert done == [OFF, (OFF,), "windows", ("windows",), ALL, (ALL,)]
    assert not (tmp_path / "seed1").exists()
    run()
    assert done == []


@pytest.mark.workflow
def test_crops_at_several_scales_train_the_frame_level_model_anew_and_what_follows(finished, tmp_path):
    """Also where Snakemake does not know by which settings what is there was made."""
    setting, folder = setting_of([ROOT / "tests/config/shrunken.yaml"], ["crop_scales"]), tmp_path / "run"
    beyond.copy_run(finished, folder)
    shutil.rmtree(folder / ".snakemake")
    rules = {}
    for cell in (OFF, "crop_scales"):
        config = setting.config(cell, setting.base["seed"])
        asked = beyond.asked_for(setting, cell, config)
        beyond.snakemake(folder, config, 1, "-n", *asked)
        said = snakemake(folder, "-n", "--configfile", "cell.json", *asked)
        rules[cell] = set(re.findall(r"^(?:local)?rule (\w+):$", said, re.MULTILINE))
    assert not {"train_static", "embed_faces", "train_acoustic"} & rules[OFF]
    assert {"train_static", "embed_faces", "train_dynamic"} <= rules["crop_scales"]
    assert not {"track_faces", "separate_speech", "make_demo_corpus", "train_acoustic"} & rules["crop_scales"]


@pytest.fixture
def trained(tmp_path):
    """What a training of the paper's way leaves, of four videos of validation, and its setting."""
    setting = setting_of([], ["smoothing", "class_bias"])
    for number, task in enumerate(TASKS):
        samples = ["a_left", "a_right", "b", "c", "d"]
        truth = truth_of(task, samples, number)
        write_split(tmp_path, task, "train", ["t"], truth_of(task, ["t"], 9))
        write_split(tmp_path, task, "val", samples, truth)
        for seed, path in enumerate(Candidates(check_config(setting.config(OFF, 1))).of_task(task)):
            write_candidates(tmp_path / path, task, samples, truth, said_by(task, truth, 4, 10 * number + seed))
    return tmp_path, setting


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("cell", [OFF, "class_bias"])
def test_nested_scores_are_those_of_the_workflow(trained, task, cell, tmp_path, monkeypatch):
    folder, setting = trained
    config = check_config(setting.config(cell, 5))
    asked = Candidates(config).of_task(task)
    corpus = folder / "results" / "corpus" / task
    systems = {name: {"models": own.models, "fusion": own.fusion} for name, own in sorted(config.systems.items())}
    tracks, learned, known = (
        str(corpus / name) for name in ("val/tracks.parquet", "train/labels.parquet", "val/labels.parquet")
    )
    arguments = ["--task", task, "--trainings", task, "--together", "alone", "--order", tracks]
    arguments += ["--tracks", tracks, "--learned", learned, "--asked", known]
    arguments += ["--models", *asked.values(), "--training-of", *[task] * len(asked)]
    arguments += ["--candidates", *(str(folder / path) for path in asked)]
    arguments += ["--systems", json.dumps(systems), "--fusion", config.fusion.model_dump_json()]
    arguments += ["--timeline", config.timeline.model_dump_json(), "--folds", "5", "--seed", "5", "--threads", "1"]
    arguments += ["--output", *(str(tmp_path / name) for name in systems), "--chosen", str(tmp_path / "chosen.json")]
    monkeypatch.setattr(sys, "argv", ["estimate_nested", *arguments])
    estimate_nested.main()
    judged = Judged(folder, task, setting.config(OFF, 5))
    for name in systems:
        theirs = matrix(read_table(f"frames_{task}", tmp_path / name), TASKS[task].outputs)
        np.testing.assert_allclose(judged.outputs(name, config)[0], theirs, atol=1e-6)


def test_fitted_scores_are_of_what_is_best_on_all_videos(trained):
    folder, setting = trained
    config = check_config(setting.config(OFF, 5))
    timeline = config.timeline.model_copy(update={"smoothing_s": 0.0})
    config = config.model_copy(update={"timeline": timeline})
    judged = Judged(folder, "va", setting.config(OFF, 5))
    truth = judged.validation.truth
    best = []
    for seed, model in enumerate(Candidates(config).of_task("va").values()):
        said = said_by("va", truth, 4, seed).astype(float)
        if model in config.systems[PAPER].models:
            reached = [score("va", truth, one)["ccc_mean"] for one in said]
            best.append((model, reached, said))
    models = config.systems[PAPER].models
    of_model = {}
    for model, reached, said in best:  # of several cells the best epoch of all, the first of equals
        if model not in of_model or max(reached) > of_model[model][0]:
            of_model[model] = max(reached), said[int(np.argmax(reached))]
    outputs = [of_model[model][1] for model in models]
    settings = config.fusion.dirichlet
    fusion = DirichletWeightedFusion("va", settings.candidates, settings.concentration, settings.search, 5)
    expected = fusion.fit(outputs, truth).predict(outputs)
    np.testing.assert_allclose(judged.outputs(PAPER, config)[1], expected, atol=1e-3)
    assert judged.score(expected) > judged.score(judged.outputs(PAPER, config)[0])


@pytest.mark.slow
def test_what_comes_after_the_networks_is_read_off_one_training(trained, tmp_path):
    folder, setting = trained
    asked = [Asked(name, setting.config(name, 5), setting.tasks_of(name)) for name in (OFF, "smoothing", "class_bias")]
    resampling = Resampling(100, 2024)
    found = judge(folder, asked, setting.tasks, tmp_path, resampling, cores=1)
    assert {name: set(own["scores"]) for name, own in found.items()} == {
        OFF: {"va", "expr"}, "smoothing": {"va", "expr"}, "class_bias": {"expr"}
    }  # fmt: skip
    off, on = (found[name]["scores"]["expr"] for name in (OFF, "class_bias"))
    assert on[PAPER] >= off[PAPER]  # it is fitted to be
    assert found == judge(folder, asked, setting.tasks, tmp_path, resampling, cores=2)
    whole = Asked(ALL, setting.config(ALL, 5), setting.tasks)
    preset = judge(folder, [whole], setting.tasks, tmp_path, resampling, cores=1)[ALL]
    for task in setting.tasks:
        nested = [found[OFF]["scores"][task][f"{PAPER}_nested"], preset["scores"][task][f"{WHOLE}_nested"]]
        assert preset["drawn"][task][0] == pytest.approx(nested[1] - nested[0], abs=2e-6)
        assert len(preset["drawn"][task]) == 101


def cell(paper, paper_nested, whole, whole_nested, **more):
    scores = {PAPER: paper, f"{PAPER}_nested": paper_nested, WHOLE: whole, f"{WHOLE}_nested": whole_nested}
    return {"scores": {"expr": scores}, "seconds": 60.0, "cpu_s": 30.0, **more}


def test_figures_are_means_over_the_seeds_that_are_done(tmp_path):
    base = setting_of([], ["class_bias"])
    setting = Setting(base.base, ["expr"], base.parts)
    cells = Cells(tmp_path / "cells.json")
    found = {
        1: [cell(0.5, 0.4, 0.6, 0.5), cell(0.6, 0.5, 0.0, 0.0), cell(0, 0, 0.7, 0.6, drawn={"expr": [0.2, 0.1, 0.3]})],
        2: [cell(0.7, 0.6, 0.6, 0.5), cell(0.7, 0.5, 0.0, 0.0), cell(0, 0, 0.9, 0.8, drawn={"expr": [0.2, -0.1, 0.5]})],
        3: [cell(0.7, 0.6, 0.9, 0.8)],
    }
    for seed, own in found.items():
        for name, one in zip((OFF, "class_bias", ALL), own, strict=False):
            cells.put(name, seed, setting.config(name, seed), one)
    said = figures(setting, [1, 2, 3], Cells(tmp_path / "cells.json"))
    assert (said["seeds"], said["minutes"], said["processor_minutes"]) == (2, 7.0, 3.5)
    bias = said["expr"]["class_bias"]
    assert bias["off"] == [0.5, 0.4, 0.6]
    assert bias["on"] == [0.5, 0.5, 0.5]
    assert bias["gain"] == [0.0, -0.1, 0.1]
    assert bias["fitted_gain"] == [0.05, 0.0, 0.1]
    assert bias["helps"] == "with 1 of 2 seeds"
    models = said["expr"]["models"]  # of which a third seed is there
    assert (models["gain"], models["helps"]) == ([0.0667, -0.1, 0.2], "with 2 of 3 seeds")
    assert said["expr"][ALL]["gain"] == [0.2, 0.2, 0.2]
    ends = np.quantile([0.0, 0.4], [0.025, 0.975])
    assert said["paired"]["expr"] == pytest.approx([0.2, *ends], abs=1e-4)
    json.dumps(said)
    shown = table(said, ["expr"])
    assert "| class_bias | 0.500 (0.400 to 0.600) | 0.500 (0.500 to 0.500) | 0.000 (-0.100 to 0.100) |" in shown
    assert "| preset, interval by video | | | 0.200 " in shown
    nothing = figures(setting, [7], Cells(tmp_path / "cells.json"))
    assert (nothing["seeds"], nothing["expr"], nothing["paired"]) == (0, {}, {})
    assert "| without |" in table(nothing, ["expr"])


def test_a_cell_of_another_configuration_counts_as_missing(tmp_path):
    cells = Cells(tmp_path / "cells.json")
    cells.put(OFF, 1, {"seed": 1}, {"seconds": 1})
    assert cells.get(OFF, 1, {"seed": 1}) == {"seconds": 1}
    assert cells.get(OFF, 1, {"seed": 1, "more": 2}) is None
    assert cells.get(OFF, 2, {"seed": 1}) is None
