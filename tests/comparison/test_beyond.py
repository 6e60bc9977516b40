"""The ablation of benchmarks/beyond.py: its parts are the preset's own values, and its figures those of the cells."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import beyond
from beyond import ALL, ATTENTION, OFF, PAPER, PARTS, QUICK, WHOLE, Cells, Setting, figures, setting_of

from abaw.config import check_config

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
    assert (plain["seed"], list(plain["systems"])) == (3, [f"system_{n}" for n in (1, 2, 3, 4)])
    for name in setting.parts:
        changed = setting.config(name, 3)
        check_config(changed)
        for key in (*PARTS[name].keys, *PARTS[name].also):
            known = value(BEST, PARTS[name].keys[0] if key in PARTS[name].also else key)
            inside = value(changed, key)
            assert inside == (known | inside if isinstance(known, dict) else known)
        assert changed != plain
        assert {key for key in plain if plain[key] != changed[key]} == {key.split(".")[0] for key in PARTS[name].keys}
    everything = setting.config(ALL, 3)
    check_config(everything)
    for name in setting.parts:
        assert beyond.merged(everything, setting.parts[name]) == everything


def test_the_stand_in_corpus_has_expressions_without_attention():
    setting = setting_of([STANDIN], list(PARTS))
    assert setting.tasks == ["expr"]
    systems = setting.base["systems"]
    assert systems[ATTENTION]["models"] == ["visual"]
    assert systems[WHOLE]["models"] == systems[PAPER]["models"] == ["visual", "voice_functional", "functional"]


def cell(paper, paper_nested, whole, whole_nested, **more):
    scores = {PAPER: paper, f"{PAPER}_nested": paper_nested, WHOLE: whole, f"{WHOLE}_nested": whole_nested}
    return {"scores": {"expr": scores}, "seconds": 60.0, **more}


def test_figures_are_means_over_the_seeds_that_are_done(tmp_path):
    base = setting_of([], ["class_bias"])
    setting = Setting(base.base, ["expr"], base.parts)
    cells = Cells(tmp_path / "cells.json")
    found = {
        1: [cell(0.5, 0.4, 0.6, 0.5), cell(0.6, 0.5, 0.0, 0.0), cell(0, 0, 0.7, 0.6, drawn={"expr": [0.2, 0.1, 0.3]})],
        2: [cell(0.7, 0.6, 0.6, 0.5), cell(0.7, 0.5, 0.0, 0.0), cell(0, 0, 0.9, 0.8, drawn={"expr": [0.2, -0.1, 0.5]})],
        3: [cell(0.7, 0.6, 0.6, 0.5)],
    }
    for seed, own in found.items():
        for name, one in zip((OFF, "class_bias", ALL), own, strict=False):
            cells.put(name, seed, setting.config(name, seed), one)
    said = figures(setting, [1, 2, 3], Cells(tmp_path / "cells.json"))
    assert (said["seeds"], said["minutes"]) == (2, 6.0)
    bias = said["expr"]["class_bias"]
    assert bias["off"] == [0.5, 0.4, 0.6]
    assert bias["on"] == [0.5, 0.5, 0.5]
    assert bias["gain"] == [0.0, -0.1, 0.1]
    assert bias["fitted_gain"] == [0.05, 0.0, 0.1]
    assert bias["helps"] == "with 1 of 2 seeds"
    assert said["expr"]["models"]["gain"] == [0.0, -0.1, 0.1]
    assert said["expr"][ALL]["gain"] == [0.2, 0.2, 0.2]
    ends = np.quantile([0.0, 0.4], [0.025, 0.975])
    assert said["paired"]["expr"] == pytest.approx([0.2, *ends], abs=1e-4)
    json.dumps(said)


def test_a_cell_of_another_configuration_counts_as_missing(tmp_path):
    cells = Cells(tmp_path / "cells.json")
    cells.put(OFF, 1, {"seed": 1}, {"seconds": 1})
    assert cells.get(OFF, 1, {"seed": 1}) == {"seconds": 1}
    assert cells.get(OFF, 1, {"seed": 1, "more": 2}) is None
    assert cells.get(OFF, 2, {"seed": 1}) is None
