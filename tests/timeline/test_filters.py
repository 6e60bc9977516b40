"""Filters of every kind: beside brute force, and as they are chosen over folds."""

import csv
from fractions import Fraction
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import windows
from test_sweep_smoothing import SWEEP, run_sweep

from abaw.config import TimelineConfig
from abaw.config.fusion import FilterName
from abaw.metrics import ccc
from abaw.timeline.alignment import frames_of
from abaw.timeline.filters import Smoothing, smooth, taps, weights_of
from abaw.timeline.rows import Rows
from abaw.timeline.widths import best_smoothing, over_folds, smoothings

KINDS = get_args(FilterName)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 99), n=st.integers(1, 50), width_s=st.sampled_from([0.0, 0.2, 1.0, 8.0]))
def test_constants_stay_and_bounds_are_kept(kind, seed, n, width_s):
    values = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    found = smooth(values, Fraction(10), width_s, kind)
    assert found.shape == values.shape
    assert (found >= values.min(axis=0) - 1e-12).all() and (found <= values.max(axis=0) + 1e-12).all()
    np.testing.assert_allclose(smooth(np.full((n, 1), 0.3), Fraction(10), width_s, kind), 0.3, atol=1e-12)
    if not width_s:
        np.testing.assert_array_equal(found, values)


def test_windows_are_those_of_scipy():
    for n in (1, 3, 31):
        np.testing.assert_array_equal(weights_of("hamming", n), windows.hamming(n))
        np.testing.assert_array_equal(weights_of("box", n), windows.boxcar(n))
    np.testing.assert_allclose(weights_of("gaussian", 41), windows.gaussian(41, 10), atol=1e-12)


def test_box_and_median_are_the_mean_and_the_median_of_the_neighbours():
    values = np.random.default_rng(0).normal(size=(60, 2))
    half = taps(Fraction(10), 1.0) // 2
    inside = np.stack([values[k - half : k + half + 1] for k in range(half, 60 - half)])
    for kind, of in (("box", np.mean), ("median", np.median)):
        found = smooth(values, Fraction(10), 1.0, kind)[half : 60 - half]
        np.testing.assert_allclose(found, of(inside, axis=1), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_variable_rate_that_is_steady_gives_what_the_steady_rate_gives(kind):
    rng = np.random.default_rng(1)
    times_s = np.arange(0, 12, 0.2)
    table = pa.table({"sample": ["a"] * 60, "start_s": times_s, "end_s": times_s})
    for name in ("valence", "arousal"):
        table = table.append_column(name, pa.array(rng.uniform(-1, 1, 60)))
    steady = Rows("a", 240, Fraction(20))
    variable = steady._replace(frame_times_s=tuple(np.arange(240) / 20))
    found = [frames_of("va", table, [rows], 1.0, kind=kind)["valence"].to_numpy() for rows in (steady, variable)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("smoothed", ["logits", "probabilities"])
def test_probabilities_sum_to_one_after_any_filter(kind, smoothed):
    times_s = np.arange(0, 10, 0.2)
    logits = np.random.default_rng(2).normal(0, 3, (50, 8))
    names = ["neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other"]
    keys = {"sample": ["a"] * 50, "start_s": times_s, "end_s": times_s}
    table = pa.table(keys | dict(zip(names, logits.T, strict=True)))
    found = frames_of("expr", table, [Rows("a", 250, Fraction(25))], 2.0, smoothed, kind)
    np.testing.assert_allclose(sum(found[name].to_numpy() for name in names), 1, atol=1e-6)


def test_a_median_drops_an_outlier_that_a_mean_smears():
    values = np.zeros((100, 1))
    values[50] = 1
    assert smooth(values, Fraction(10), 1.0, "median").max() == 0
    assert smooth(values, Fraction(10), 1.0, "box").max() > 0.05


def test_what_is_tried_is_in_one_order_whatever_the_order_of_the_keys():
    timeline = TimelineConfig(**SWEEP | {"sweep_filters": ["median", "box"]})
    kinds = ("hamming", "box", "median")
    rest = [Smoothing(kind, width) for width in (0.5, 4.0) for kind in kinds]
    assert smoothings(timeline) == [Smoothing("hamming", 0.0), *rest]
    assert len(smoothings(TimelineConfig(**SWEEP))) == 3


def test_the_mean_over_folds_is_that_of_each_fold_alone():
    rng = np.random.default_rng(3)
    truth = rng.uniform(-1, 1, (90, 2))
    outputs, fold = truth + rng.normal(0, 0.3, truth.shape), np.repeat([0, 1, 2], [60, 20, 10])
    truth[85] = np.nan
    expected = []
    for number in range(3):
        rows = (fold == number) & ~np.isnan(truth[:, 0])
        expected.append(np.mean([ccc(truth[rows, k], outputs[rows, k]) for k in range(2)]))
    assert over_folds("va", truth, outputs, fold) == pytest.approx(np.mean(expected), abs=1e-12)
    truth[fold == 2] = np.nan
    assert over_folds("va", truth, outputs, fold) == pytest.approx(np.mean(expected[:2]), abs=1e-12)


def test_the_sweep_names_its_filters_and_what_folds_say(monkeypatch, tmp_path):
    path = run_sweep(monkeypatch, tmp_path, SWEEP | {"sweep_filters": ["box"], "width": "folds"})
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["smoothing_s"], row["filter"]) for row in rows] == [
        ("0.0", "hamming"),
        *((width, kind) for width in ("0.5", "4.0") for kind in ("hamming", "box")),
    ]
    assert [row["paper"] for row in rows] == ["0", "1", "0", "0", "0"]
    best = max(rows, key=lambda row: float(row["over_folds"]))
    assert best["best"] == "1"
    assert best_smoothing(path) == ("hamming", 4.0)  # what made the truth
