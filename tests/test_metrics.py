"""The challenge measures against independent implementations, numbers worked by hand, and their invariants."""

import doctest

import audmetric
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from abaw import metrics
from abaw.metrics import ccc, class_f1, confusion, macro_f1, score
from abaw.tasks import TASKS

values = st.floats(-1, 1, allow_subnormal=False).map(lambda x: round(x, 6))
series = st.integers(2, 40).flatmap(lambda n: st.tuples(*[hnp.arrays(np.float64, n, elements=values)] * 2))
classes = st.integers(1, 60).flatmap(lambda n: st.tuples(*[hnp.arrays(np.int64, n, elements=st.integers(0, 7))] * 2))


def test_the_docstring_examples():
    assert doctest.testmod(metrics).failed == 0
    assert doctest.testmod(metrics).attempted > 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [2, 3, 1000])
def test_ccc_agrees_with_audmetric(seed, n):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-1, 1, n)
    prediction = 0.5 * truth + rng.normal(0.1, 0.3, n)
    assert ccc(truth, prediction) == pytest.approx(audmetric.concordance_cc(truth, prediction), abs=1e-12)


@given(series)
def test_ccc_agrees_with_audmetric_wherever_that_is_defined(pair):
    assume(any(np.ptp(one) > 0 for one in pair))
    assert ccc(*pair) == pytest.approx(audmetric.concordance_cc(*pair), abs=1e-9)


def test_ccc_by_hand():
    # Means 2 and 3, variances 2/3 and 8/3, covariance 4/3: (8/3) / (2/3 + 8/3 + 1) = 8/13.
    assert ccc([1, 2, 3], [1, 3, 5]) == pytest.approx(8 / 13, abs=1e-15)
    assert ccc([-1, 0, 1], [1, 0, -1]) == pytest.approx(-1)


@given(series)
def test_ccc_is_symmetric_and_bounded(pair):
    truth, prediction = pair
    assert ccc(truth, prediction) == pytest.approx(ccc(prediction, truth), abs=1e-12)
    assert -1 - 1e-12 <= ccc(truth, prediction) <= 1 + 1e-12


@given(series, st.floats(0.01, 1), st.floats(1.05, 3))
def test_ccc_punishes_shift_and_scale_which_correlation_does_not(pair, shift, scale):
    truth, _ = pair
    assume(truth.std() > 1e-3)
    centred = truth - truth.mean()
    assert ccc(truth, truth) == pytest.approx(1, abs=1e-12)
    variance = truth.var()
    assert ccc(truth, truth + shift) == pytest.approx(2 * variance / (2 * variance + shift**2), abs=1e-9)
    assert ccc(centred, centred * scale) == pytest.approx(2 * scale / (1 + scale**2), abs=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, -0.7, 1 / 3])
def test_ccc_of_a_constant_is_exactly_zero(constant):
    flat, moving = np.full(1001, constant), np.linspace(-1, 1, 1001)
    assert ccc(moving, flat) == 0.0
    assert ccc(flat, moving) == 0.0
    assert ccc(flat, flat) == 0.0
    assert ccc([constant], [constant]) == 0.0


def test_rows_without_truth_do_not_count():
    truth = np.array([0.1, np.nan, 0.3, -0.5, np.nan])
    prediction = np.array([0.2, 9.0, 0.1, -0.4, -9.0])
    assert ccc(truth, prediction) == ccc(truth[[0, 2, 3]], prediction[[0, 2, 3]])
    assert class_f1([1, np.nan, 2], [1, 2, 2]).tolist() == class_f1([1, 2], [1, 2]).tolist()


@pytest.mark.parametrize("measure", [ccc, macro_f1])
@pytest.mark.parametrize(
    ("truth", "prediction", "says"),
    [
        ([], [], "no row has a truth"),
        ([np.nan, np.nan], [0, 1], "no row has a truth"),
        ([0, 1], [0, np.nan], "not finite"),
        ([0, np.nan], [0, np.nan], "not finite"),
        ([0, 1], [0, np.inf], "not finite"),
        ([0, np.inf], [0, 1], "infinite"),
        ([0, 1], [0], "one shape"),
        ([[0, 1]], [[0, 1]], "one shape"),
    ],
)
def test_wrong_input_is_refused(measure, truth, prediction, says):
    with pytest.raises(ValueError, match=says):
        measure(truth, prediction)


@pytest.mark.parametrize(("truth", "prediction"), [([0, 8], [0, 1]), ([0, 1], [0, -1]), ([0, 1], [0, 1.5])])
def test_a_class_outside_the_eight_is_refused(truth, prediction):
    with pytest.raises(ValueError, match="integers 0 to 7"):
        macro_f1(truth, prediction)


@given(classes)
@settings(max_examples=50)
def test_macro_f1_is_scikit_learns(pair):
    theirs = f1_score(*pair, labels=list(range(8)), average="macro", zero_division=0)
    assert macro_f1(*pair) == theirs
    assert 0 <= theirs <= 1


@given(classes)
@settings(max_examples=50)
def test_counts_and_shares_of_classes_are_scikit_learns(pair):
    truth, said = pair
    assert confusion(truth, said).tolist() == confusion_matrix(truth, said, labels=range(8)).tolist()
    theirs = precision_recall_fscore_support(truth, said, labels=range(8), zero_division=0)
    scores = score("expr", truth, np.eye(8)[said])
    assert scores["precision_macro"] == theirs[0].mean()
    assert scores["recall_macro"] == theirs[1].mean()


def test_macro_f1_by_hand():
    # Class 0: 2 * 2 / (3 + 2); class 1: 2 * 1 / (1 + 2); the six absent classes count 0.
    assert macro_f1([0, 0, 0, 1], [0, 0, 1, 1]) == pytest.approx((4 / 5 + 2 / 3) / 8)
    assert macro_f1([0, 0, 0, 1], [0, 0, 1, 1], n_classes=2) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert macro_f1(range(8), range(8)) == 1
    assert macro_f1([0, 1], [0, 1]) == 2 / 8


def test_score_of_valence_and_arousal():
    rng = np.random.default_rng(3)
    truth, outputs = rng.uniform(-1, 1, (2, 50, 2))
    truth[7] = np.nan
    scores = score("va", truth, outputs)
    known = np.delete(np.arange(50), 7)
    expected = [audmetric.concordance_cc(truth[known, k], outputs[known, k]) for k in (0, 1)]
    assert [scores["ccc_valence"], scores["ccc_arousal"]] == pytest.approx(expected, abs=1e-12)
    assert scores[TASKS["va"].challenge_measure] == pytest.approx(np.mean(expected), abs=1e-12)


@pytest.mark.parametrize("column", [False, True])
def test_score_of_expression(column):
    rng = np.random.default_rng(4)
    truth, outputs = rng.integers(0, 7, 200).astype(float), rng.random((200, 8))
    truth[:20] = np.nan
    scores = score("expr", truth[:, None] if column else truth, outputs)
    t, p = truth[20:].astype(int), outputs[20:].argmax(axis=1)
    assert scores[TASKS["expr"].challenge_measure] == f1_score(t, p, labels=range(8), average="macro", zero_division=0)
    assert scores["accuracy"] == accuracy_score(t, p)
    each = f1_score(t, p, labels=range(8), average=None, zero_division=0)
    assert [scores[f"f1_{name}"] for name in TASKS["expr"].outputs] == each.tolist()
    assert scores["f1_other"] == 0


def test_equal_scores_go_to_the_first_class():
    assert score("expr", [2], np.eye(8)[[2]] + np.eye(8)[[5]])["accuracy"] == 1


@pytest.mark.parametrize(
    ("task", "truth", "outputs"),
    [
        ("va", np.zeros(3), np.zeros((3, 2))),
        ("va", np.zeros((3, 2)), np.zeros((3, 8))),
        ("va", np.zeros((4, 2)), np.zeros((3, 2))),
        ("expr", np.zeros(3), np.zeros((3, 2))),
        ("expr", np.zeros(4), np.zeros((3, 8))),
        ("expr", np.zeros(3), np.full((3, 8), np.nan)),
    ],
)
def test_score_refuses_wrong_shapes_and_missing_outputs(task, truth, outputs):
    with pytest.raises(ValueError, match=r"shape|finite"):
        score(task, truth, outputs)
