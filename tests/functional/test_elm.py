"""Kernel ELM against eq. (1) written out, scikit-learn's KernelRidge, and scikit-learn's rules for estimators."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.preprocessing import normalize
from sklearn.utils.estimator_checks import parametrize_with_checks

from abaw.functional.elm import LONG_GRID, KernelELMClassifier, KernelELMRegressor, path_outputs
from abaw.functional.kernels import Expansion, kernel_matrix, of_unit_length

GRID = np.logspace(-3, 3, LONG_GRID + 2).tolist()
KERNELS = {"linear": {}, "rbf": {"gamma": 1 / 6}, "poly": {"gamma": 1 / 6, "degree": 3, "coef0": 1}}


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    return rng.normal(size=(60, 6)), rng.normal(size=(60, 2)), rng.uniform(0.2, 3, 60), rng.normal(size=(20, 6))


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_and_unit_lengths_are_scikit_learn_s_to_the_bit(rows, kernel):
    X, _, _, at = rows
    given = {"gamma": 1 / 6, "degree": 3, "coef0": 1.0}
    for one in (at, X):
        expected = pairwise_kernels(one, X, metric=kernel, **KERNELS[kernel])
        np.testing.assert_array_equal(kernel_matrix(kernel, one, X, **given), expected)
    with_zeros = np.vstack([at, np.zeros(6), np.full(6, 1e-18)])
    np.testing.assert_array_equal(of_unit_length(with_zeros), normalize(with_zeros))
    with pytest.raises(ValueError, match="kernel is 'sigmoid', expected one of linear, rbf, poly"):
        kernel_matrix("sigmoid", at, X, **given)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_expansion_says_what_its_estimator_says(rows, kernel):
    X, y, _, at = rows
    elm = KernelELMRegressor(3.0, kernel).fit(X, y)
    expansion = Expansion.of(kernel, elm.gamma_, elm.coef_, elm.basis_)
    np.testing.assert_array_equal(expansion.outputs(at), elm.predict(at))


@parametrize_with_checks([KernelELMRegressor(), KernelELMClassifier(), KernelELMRegressor(kernel="linear")])
def test_scikit_learn_s_rules(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kernel", KERNELS)
def test_equation_1_written_out(rows, kernel):
    X, y, weight, at = rows
    gram, c = pairwise_kernels(X, metric=kernel, **KERNELS[kernel]), 7.0
    beta = np.linalg.inv(np.eye(60) / c + gram) @ y
    expected = pairwise_kernels(at, X, metric=kernel, **KERNELS[kernel]) @ beta
    np.testing.assert_allclose(
        KernelELMRegressor(c, kernel, gamma=1 / 6).fit(X, y).predict(at), expected, rtol=0, atol=1e-8
    )
    W = np.diag(weight)
    beta = np.linalg.inv(np.eye(60) / c + W @ gram) @ W @ y
    expected = pairwise_kernels(at, X, metric=kernel, **KERNELS[kernel]) @ beta
    found = KernelELMRegressor(c, kernel, gamma=1 / 6).fit(X, y, weight).predict(at)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_c_of_a_grid_equals_kernel_ridge(rows, kernel, weighted):
    X, y, weight, at = rows
    weight = weight if weighted else None
    for grid in (GRID, GRID[:3]):  # tridiagonal, and Cholesky
        path = KernelELMRegressor(kernel=kernel, gamma=1 / 6).fit_path(X, y, grid, weight)
        for c, model, outputs in zip(grid, path, path_outputs(path, at), strict=True):
            peer = KernelRidge(alpha=1 / c, kernel=kernel, **KERNELS[kernel]).fit(X, y, weight)
            np.testing.assert_allclose(model.predict(at), peer.predict(at), rtol=0, atol=1e-8)
            np.testing.assert_array_equal(model.predict(at), outputs)
            assert model.get_params()["C"] == c or model is path[0]


def test_more_features_than_rows_with_the_linear_kernel(rows):
    X, y, _, at = rows
    few, peer = KernelELMRegressor(2.0, "linear").fit(X[:4], y[:4]), KernelRidge(alpha=0.5).fit(X[:4], y[:4])
    np.testing.assert_allclose(few.predict(at), peer.predict(at), atol=1e-10)


def test_balanced_weights_are_inverse_to_the_counts(rows):
    X, _, _, at = rows
    labels = np.repeat(["a", "b", "c"], [40, 15, 5])
    weight = 60 / (3 * np.repeat([40, 15, 5], [40, 15, 5]))
    indicators = (labels[:, None] == ["a", "b", "c"]).astype(float)
    expected = KernelRidge(alpha=0.2, kernel="rbf", gamma=1 / 6).fit(X, indicators, weight).predict(at)
    model = KernelELMClassifier(5.0, gamma=1 / 6, class_weight="balanced").fit(X, labels)
    np.testing.assert_allclose(model.decision_function(at), expected, atol=1e-8)
    assert (model.predict(at) == np.array(["a", "b", "c"])[expected.argmax(axis=1)]).all()


def test_nystroem_with_all_rows_as_its_basis_is_exact(rows):
    X, y, weight, at = rows
    exact = KernelELMRegressor(3.0).fit(X, y, weight)
    whole = KernelELMRegressor(3.0, exact_rows=10, components=60).fit(X, y, weight)
    np.testing.assert_allclose(whole.predict(at), exact.predict(at), atol=1e-6)
    fewer = KernelELMRegressor(3.0, exact_rows=10, components=20).fit(X, y, weight)
    assert len(fewer.basis_) == 20
    assert np.corrcoef(fewer.predict(at)[:, 0], exact.predict(at)[:, 0])[0, 1] > 0.5


@pytest.mark.parametrize(
    ("parameters", "says"), [({"C": -1.0}, "C must be positive"), ({"kernel": "cosine"}, "expected one of linear")]
)
def test_wrong_parameters_are_refused(rows, parameters, says):
    with pytest.raises(ValueError, match=says):
        KernelELMRegressor(**parameters).fit(rows[0], rows[1])


def test_an_indefinite_kernel_is_refused(rows):
    X, y, _, _ = rows
    for grid in ([1e6], np.logspace(5, 8, LONG_GRID).tolist()):
        with pytest.raises(ValueError, match="not positive definite with C"):
            KernelELMRegressor(kernel="poly", coef0=-9.0).fit_path(X, y, grid)
