"""Bias and temperature on fused probabilities: against a loop, and on what they must not see."""

import json
import sys

import calibrate_classes
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import f1_score, log_loss
from small_models import frames_table, measure

from abaw.config import CalibrationConfig
from abaw.fusion.calibration import BIASES, Calibration, _along, fit_calibration
from abaw.tables.files import read_metadata, read_table

BOTH = CalibrationConfig(class_bias=True, temperature=True)
BIAS = CalibrationConfig(class_bias=True, temperature=False)


def rare_said_too_seldom(n=4000, seed=0):
    """The true probabilities of classes that come as they do in the wild: some hardly ever."""
    rng = np.random.default_rng(seed)
    shares = np.array([0.5, 0.02, 0.02, 0.03, 0.2, 0.1, 0.03, 0.1])
    classes = rng.choice(8, n, p=shares)
    evidence = 1.5 * np.eye(8)[classes] + rng.normal(0, 1, (n, 8))
    truth = classes.astype(float)[:, None]
    truth[rng.random(n) < 0.1] = np.nan
    return softmax(1.5 * evidence + np.log(shares), axis=1), truth


def test_a_bias_along_one_class_scores_as_scikit_learn_scores_each():
    probabilities, truth = rare_said_too_seldom(300)
    known = ~np.isnan(truth[:, 0])
    scores, classes = np.log(probabilities[known]), truth[known, 0].astype(int)
    scores, shifts = (scores * 8).round() / 8, np.arange(-24, 25) / 8  # exact, so that there are equals
    for number in (0, 3, 7):
        found = _along(scores, number, shifts, classes)
        for shift, value in zip(shifts, found, strict=True):
            said = (scores + shift * np.eye(8)[number]).argmax(axis=1)
            expected = f1_score(classes, said, average="macro", labels=range(8), zero_division=0)
            assert value == pytest.approx(expected, abs=1e-12)


def test_a_bias_raises_macro_f1_also_where_it_was_not_fitted():
    probabilities, truth = rare_said_too_seldom()
    others, other_truth = rare_said_too_seldom(seed=1)
    found = fit_calibration(probabilities, truth, BIAS)
    for said, known in ((probabilities, truth), (others, other_truth)):
        assert measure("expr", known, found.apply(said)) > measure("expr", known, said) + 0.02
    assert found.temperature == 1.0
    assert found.bias[1] > found.bias[0]  # the rare before the frequent


def test_no_single_step_of_the_search_is_left():
    probabilities, truth = rare_said_too_seldom(800)
    found = fit_calibration(probabilities, truth, BIAS)
    reached = measure("expr", truth, found.apply(probabilities))
    for number in range(8):
        for bias in BIASES:
            moved = list(found.bias)
            moved[number] = float(bias)
            assert measure("expr", truth, Calibration(1.0, moved).apply(probabilities)) <= reached + 1e-9


def test_the_temperature_has_the_least_log_loss_and_changes_no_class():
    right, truth = rare_said_too_seldom()
    probabilities = softmax(1.5 * np.log(right), axis=1)
    found = fit_calibration(probabilities, truth, CalibrationConfig(class_bias=False, temperature=True))
    known = ~np.isnan(truth[:, 0])
    after = found.apply(probabilities)
    np.testing.assert_array_equal(after.argmax(axis=1), probabilities.argmax(axis=1))
    losses = []
    for temperature in np.exp(np.linspace(-1.5, 1.5, 301)):
        said = softmax(log_softmax(np.log(probabilities[known]), axis=1) / temperature, axis=1)
        losses.append(log_loss(truth[known, 0], said, labels=range(8)))
    assert log_loss(truth[known, 0], after[known], labels=range(8)) == pytest.approx(min(losses), abs=1e-3)
    assert found.temperature == pytest.approx(1.5, abs=0.1)


def test_what_is_not_asked_for_changes_no_class_and_nothing_known_is_an_error():
    probabilities, truth = rare_said_too_seldom(50)
    none = CalibrationConfig(class_bias=False, temperature=False)
    np.testing.assert_allclose(
        fit_calibration(probabilities, truth, none).apply(probabilities), probabilities, atol=1e-5
    )
    with pytest.raises(ValueError, match="no row has a truth"):
        fit_calibration(probabilities, np.full_like(truth, np.nan), BOTH)


def test_the_command_fits_on_validation_and_writes_both_splits(tmp_path, monkeypatch, project):
    outputs, tests, truth = project("expr")
    arguments = ["--task", "expr", "--settings", BOTH.model_dump_json()]
    for name, file in {"frames-val": "visual_val", "frames-test": "visual_test", "labels": "labels"}.items():
        arguments += [f"--{name}", str(tmp_path / f"{file}.parquet")]
    arguments += ["--output-val", str(tmp_path / "val.parquet"), "--output-test", str(tmp_path / "test.parquet")]
    monkeypatch.setattr(sys, "argv", ["calibrate_classes.py", *arguments, "--fit", str(tmp_path / "fit.json")])
    calibrate_classes.main()
    found = fit_calibration(outputs[0], truth.reshape(-1, 1), BOTH)
    for split, values in (("val", outputs[0]), ("test", tests[0])):
        expected = frames_table("expr", split, found.apply(values))
        assert read_table("frames_expr", tmp_path / f"{split}.parquet").equals(expected)
    fit = json.loads((tmp_path / "fit.json").read_text())
    assert fit["after"] == pytest.approx(measure("expr", truth, found.apply(outputs[0])))
    assert fit["after"] >= fit["before"] == pytest.approx(measure("expr", truth, outputs[0]))
    said = read_metadata(tmp_path / "test.parquet")["fitted_on"]
    assert said == "train; epoch on val; class bias and temperature on val"
