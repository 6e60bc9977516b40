"""Dirichlet weighted fusion against frames, scikit-learn, brute force and optima that are known."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.metrics import f1_score
from small_models import data, measure

import abaw.fusion
from abaw.fusion.dirichlet import (
    BLOCK_ROWS,
    DirichletWeightedFusion,
    ccc_means,
    macro_f1s,
    weight_pool,
)
from abaw.fusion.weighting import fuse, weighted_inputs
from abaw.tasks import TASKS


@given(st.integers(1, 5), st.integers(5, 300), st.integers(0, 99))
@settings(max_examples=30)
def test_ccc_from_moments_equals_ccc_from_frames(n_models, n, seed):
    outputs, truth = data("va", n_models, n, seed)
    stacked = np.stack(outputs)
    pool = weight_pool(n_models, 2, 20, 1.0, seed)
    expected = [measure("va", truth, fuse(stacked, weights)) for weights in pool]
    assert ccc_means(pool, stacked, truth) == pytest.approx(expected, abs=1e-10)


def test_ccc_from_moments_of_far_off_and_constant_models():
    outputs, truth = data("va")
    stacked = np.stack([outputs[0] + 1000, np.full_like(outputs[1], 0.1), np.full_like(outputs[2], 1 / 3)])
    pool = weight_pool(3, 2, 50, 1.0, 0)
    expected = [measure("va", truth, fuse(stacked, weights)) for weights in pool]
    found = ccc_means(pool, stacked, truth)
    assert found == pytest.approx(expected, abs=1e-10)
    assert found[1] == found[2] == 0


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3])
def test_nothing_scores_where_nothing_moves(constant):
    flat = np.full((20, 2), constant)
    fusion = DirichletWeightedFusion("va", candidates=20).fit([flat, flat], flat)
    assert (fusion.scores_ == 0).all()
    assert fusion.weights_.tolist() == [[1, 1], [0, 0]]
    assert measure("va", flat, flat) == 0


@given(st.integers(1, 4), st.sampled_from([1, 7, 200]), st.integers(0, 99))
@settings(max_examples=20)
def test_f1_of_each_candidate_is_scikit_learns(n_models, n, seed):
    outputs, truth = data("expr", n_models, n, seed, unknown=0.0)
    stacked = np.stack(outputs)
    pool = weight_pool(n_models, 8, 10, 0.5, seed)
    expected = [
        f1_score(truth, fuse(stacked, weights).argmax(axis=1), labels=range(8), average="macro", zero_division=0)
        for weights in pool
    ]
    assert macro_f1s(pool, stacked, truth).tolist() == expected


@pytest.mark.parametrize("n", [BLOCK_ROWS - 1, BLOCK_ROWS, 2 * BLOCK_ROWS + 1])
def test_f1_across_blocks_of_rows(n):
    outputs, truth = data("expr", 2, n)
    fusion = DirichletWeightedFusion("expr", candidates=3).fit(outputs, truth)
    pool = weight_pool(2, 8, 3, 1.0, 0)
    assert fusion.scores_.tolist() == [measure("expr", truth, fuse(np.stack(outputs), weights)) for weights in pool]


def test_the_class_is_found_in_its_package():
    assert abaw.fusion.DirichletWeightedFusion is DirichletWeightedFusion
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = abaw.fusion.Nothing


@pytest.mark.parametrize("task", ["va", "expr"])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_the_pool_is_chosen_and_never_below_a_single_model(task, seed):
    outputs, truth = data(task, seed=seed)
    fusion = DirichletWeightedFusion(task, candidates=60, concentration=0.7, random_state=seed).fit(outputs, truth)
    pool = weight_pool(3, len(TASKS[task].outputs), 60, 0.7, seed)
    brute = np.array([measure(task, truth, fuse(np.stack(outputs), weights)) for weights in pool])
    assert fusion.scores_ == pytest.approx(brute, abs=1e-10)
    assert fusion.weights_.tolist() == pool[brute.argmax()].tolist()
    assert fusion.score_ == pytest.approx(measure(task, truth, fusion.predict(outputs)), abs=1e-10)
    assert fusion.score_ >= max(measure(task, truth, one) for one in outputs) - 1e-12
    assert fusion.score_ > brute[:3].max()  # these models complement each other


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_pool_holds_single_models_mean_and_draws_that_sum_to_one(task):
    n_outputs = len(TASKS[task].outputs)
    pool = weight_pool(3, n_outputs, 500, 1.0, 0)
    assert pool.shape == (504, 3, n_outputs)
    assert (pool[:3] == np.eye(3)[:, :, None]).all()
    assert (pool[3] == 1 / 3).all()
    assert (pool >= 0).all()
    assert pool.sum(axis=1) == pytest.approx(1, abs=1e-12)
    # Dirichlet(1, 1, 1): each weight has mean 1/3 and variance 1/18; classes are drawn independently of each other.
    assert pool[4:].mean(axis=0) == pytest.approx(1 / 3, abs=0.05)
    assert pool[4:].var(axis=0) == pytest.approx(1 / 18, abs=0.01)
    assert abs(np.corrcoef(pool[4:, 0, 0], pool[4:, 0, 1])[0, 1]) < 0.15


def test_concentration_pulls_towards_the_mean():
    spread = [weight_pool(3, 2, 200, concentration, 0)[4:].std() for concentration in (0.1, 1.0, 50.0)]
    assert spread[0] > spread[1] > spread[2]


def test_two_models_with_opposite_errors_are_averaged():
    truth = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 2))
    error = np.random.default_rng(1).normal(0, 0.3, (300, 2))
    fusion = DirichletWeightedFusion("va", candidates=200).fit([truth + error, truth - error], truth)
    assert (fusion.weights_ == 0.5).all()
    assert fusion.score_ == pytest.approx(1)


def test_each_dimension_goes_to_the_model_that_knows_it():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (300, 2))
    noise = rng.uniform(-1, 1, (300, 2))
    valence_only, arousal_only = np.array([1, 0]), np.array([0, 1])
    outputs = [truth * valence_only + noise * arousal_only, truth * arousal_only + noise * valence_only]
    fusion = DirichletWeightedFusion("va", candidates=3000).fit(outputs, truth)
    assert fusion.weights_ == pytest.approx(np.eye(2), abs=0.1)
    assert fusion.score_ > 0.97


def test_a_perfect_model_wins_and_the_first_of_equals():
    outputs, truth = data("expr", unknown=0.0)
    perfect = np.eye(8)[truth.astype(int)]
    fusion = DirichletWeightedFusion("expr", candidates=50).fit([outputs[0], perfect, perfect], truth)
    assert fusion.score_ == 1
    assert fusion.weights_.tolist() == np.repeat([[0.0], [1.0], [0.0]], 8, axis=1).tolist()


@pytest.mark.parametrize("task", ["va", "expr"])
def test_rows_without_truth_do_not_matter(task):
    outputs, truth = data(task, unknown=0.3)
    known = ~np.isnan(truth.reshape(len(truth), -1)[:, 0])
    assert 0 < known.sum() < len(truth)
    other = [np.where(known[:, None], one, 0.123 * m) for m, one in enumerate(outputs)]
    dropped = [one[known] for one in outputs]
    fits = [
        DirichletWeightedFusion(task, candidates=40).fit(*pair).weights_.tolist()
        for pair in ((outputs, truth), (other, truth), (dropped, truth[known]))
    ]
    assert fits[0] == fits[1] == fits[2]


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_seed_decides(task):
    outputs, truth = data(task)
    first, again, other = (DirichletWeightedFusion(task, 50, random_state=k).fit(outputs, truth) for k in (5, 5, 6))
    assert first.weights_.tolist() == again.weights_.tolist()
    assert first.scores_.tolist() == again.scores_.tolist()
    assert first.scores_[:4].tolist() == other.scores_[:4].tolist()
    assert first.scores_[4:].tolist() != other.scores_[4:].tolist()


def test_it_is_an_estimator_and_leaves_its_input():
    outputs, truth = data("va")
    before = [one.copy() for one in outputs]
    fusion = clone(DirichletWeightedFusion("va", candidates=7, concentration=2.0, random_state=3))
    parameters = {"task": "va", "candidates": 7, "concentration": 2.0, "search": "sample", "random_state": 3}
    assert fusion.get_params() == parameters
    assert fusion.fit(outputs, truth) is fusion
    fusion.predict(outputs)
    assert all((one == old).all() for one, old in zip(outputs, before, strict=True))


def test_one_model_without_draws_is_itself():
    outputs, truth = data("expr", 1)
    fusion = DirichletWeightedFusion("expr", candidates=0).fit(outputs, truth[:, None])
    assert fusion.predict(outputs).tolist() == outputs[0].tolist()
    assert len(fusion.scores_) == 2


@pytest.mark.parametrize(
    ("task", "outputs", "truth", "says"),
    [
        ("va", [], np.zeros((3, 2)), "per model"),
        ("va", [np.zeros((3, 8))], np.zeros((3, 2)), r"shape \(n, 2\)"),
        ("va", [np.zeros((3, 2)), np.zeros((4, 2))], np.zeros((3, 2)), "one n"),
        ("va", [np.zeros(3)], np.zeros((3, 2)), r"shape \(n, 2\)"),
        ("va", [np.zeros((3, 2))], np.zeros((4, 2)), r"shape \(3, 2\)"),
        ("va", [np.zeros((3, 2))], np.zeros(3), r"shape \(3, 2\)"),
        ("va", [np.full((3, 2), np.nan)], np.zeros((3, 2)), "not finite"),
        ("va", [np.zeros((3, 2))], np.full((3, 2), np.nan), "no row has a truth"),
        ("expr", [np.zeros((3, 8))], np.zeros((3, 8)), r"shape \(3,\)"),
        ("expr", [np.zeros((3, 8))], np.array([0, 1, 8]), "integers 0 to 7"),
        ("expr", [np.zeros((3, 8))], np.array([0, 1, 0.5]), "integers 0 to 7"),
        ("expr", [np.zeros((3, 8))], np.full(3, np.nan), "no row has a truth"),
    ],
)
def test_wrong_input_is_refused(task, outputs, truth, says):
    with pytest.raises(ValueError, match=says):
        DirichletWeightedFusion(task, candidates=2).fit(outputs, truth)


def test_another_number_of_models_is_refused():
    outputs, truth = data("va")
    with pytest.raises(ValueError, match="for 3 models, not 2"):
        DirichletWeightedFusion("va", candidates=2).fit(outputs, truth).predict(outputs[:2])


@pytest.mark.parametrize("task", ["va", "expr"])
@pytest.mark.parametrize("seed", range(5))
def test_refining_never_loses_and_ends_in_a_local_optimum(task, seed):
    outputs, truth = data(task, 3, 300, seed)
    sampled = DirichletWeightedFusion(task, 20, random_state=seed).fit(outputs, truth)
    refined = DirichletWeightedFusion(task, 20, search="refine", random_state=seed).fit(outputs, truth)
    singles = [measure(task, truth, one) for one in outputs]
    assert refined.score_ >= sampled.score_ >= max(singles) - 1e-12
    np.testing.assert_allclose(refined.weights_.sum(axis=0), 1)
    assert (refined.weights_ >= 0).all()
    assert measure(task, truth, refined.predict(outputs)) == pytest.approx(refined.score_, abs=1e-10)
    for giver, taker in itertools.permutations(range(3), 2):  # no step of the last width is better
        for output in range(refined.weights_.shape[1]):
            moved = refined.weights_.copy()
            step = min(1 / 512, moved[giver, output])
            moved[giver, output] -= step
            moved[taker, output] += step
            assert measure(task, truth, fuse(np.stack(outputs), moved)) <= refined.score_ + 1e-10


def test_refined_ccc_reaches_a_known_optimum():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (2000, 2))
    noise = rng.normal(0, 0.4, (2000, 2))
    refined = DirichletWeightedFusion("va", 5, search="refine").fit([truth + noise, truth - noise], truth)
    np.testing.assert_allclose(refined.weights_, 0.5, atol=0.02)
    assert refined.score_ > 0.999


def test_the_unsure_have_no_say():
    sure, unsure = np.eye(8)[2], np.full(8, 1 / 8)
    border = np.array([0.5, 0.5, 0, 0, 0, 0, 0, 0])  # ln 2 nats
    said = np.stack([sure, unsure, border])
    for combined, expected in (("probabilities", said), ("logits", np.log(np.maximum(said, 1e-6)))):
        other, found = weighted_inputs("expr", [said, said], ["visual", "acoustic"], np.log(2) + 1e-9, combined)
        assert other.tolist() == expected.tolist()
        assert found.tolist() == [expected[0].tolist(), [0.0] * 8, expected[2].tolist()]
    [found] = weighted_inputs("expr", [border[None]], ["acoustic"], np.log(2) - 1e-9, "probabilities")
    assert found.sum() == 0


def test_entropies_are_scipy_s_to_the_bit():
    classes = np.random.default_rng(5).dirichlet(np.full(8, 0.3), size=2000) * 0.7
    limit = float(np.median(entropy(classes, axis=1)))
    [gated] = weighted_inputs("expr", [classes], ["acoustic"], limit, "probabilities")
    np.testing.assert_array_equal(gated.any(axis=1), entropy(classes, axis=1) <= limit)
