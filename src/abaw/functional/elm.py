"""Kernel extreme learning machines: regularised least squares in a kernel's space (paper §2.2.2, eq. (1)).

    beta = (I / C + K)^-1 T            weighted, with W = diag(w):  beta = (I / C + W K)^-1 W T

scikit-learn's `KernelRidge` solves the same system for one C. What it lacks, and this module adds: a whole grid of C
for a few solves' worth of work, the primal form where the kernel is linear, a classifier, and a bound on memory.

- Linear kernel, fewer features than rows: one eigendecomposition of the features' moments, features^3, serves all C.
- A short grid: a Cholesky factorisation for each C.
- A long grid: the matrix is made tridiagonal once, Q' A Q with orthogonal Q, and each C costs a tridiagonal solve,
  which is linear in the rows. That is half the work of an eigendecomposition, whose vectors nothing here needs.
- More than `exact_rows` rows: features of Nystroem's approximation (scikit-learn's) and the linear form.

The weighted system is solved in its symmetric form, with S = diag(sqrt(w)): (I / C + S K S) a = S T, beta = S a. The
authors' code inverts the matrix of every C explicitly.
"""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from scipy.linalg import lapack
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin, clone
from sklearn.kernel_approximation import Nystroem
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from abaw.functional.kernels import COEF0, DEGREE, Array, Kernel, kernel_matrix

LONG_GRID = 7
"""From so many values of C on, tridiagonal form is cheaper: it costs about five Cholesky factorisations (measured)."""


class _KernelELM(BaseEstimator):
    """What regressor and classifier share.

    Parameters: `C`, the regularisation coefficient of eq. (1), larger is looser; `kernel`, linear, rbf
    (exp(-gamma |x - y|^2)) or poly ((gamma x y + coef0)^degree); `gamma`, where "scale" is 1 / (n_features * variance
    of all training values), as in scikit-learn's SVC; `exact_rows`, above which a kernel other than linear is
    approximated by `components` of Nystroem's features, drawn with `random_state`.

    After `fit`: `coef_`, (n_basis, n_targets), and the `basis_` (n_basis, n_features) that its kernel is taken with,
    None where `coef_` belongs to the features themselves; `gamma_`, as a number.
    """

    def __init__(
        self,
        C: float = 1.0,
        kernel: Kernel = "rbf",
        gamma: float | Literal["scale"] = "scale",
        degree: int = DEGREE,
        coef0: float = COEF0,
        exact_rows: int = 12_000,
        components: int = 2_000,
        random_state: int = 0,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.exact_rows = exact_rows
        self.components = components
        self.random_state = random_state

    def _fit_path(self, X: Array, targets: Array, weight: Array, grid: Sequence[float]) -> list[Array]:
        """Set `basis_`, and give the coefficients of each C of `grid`."""
        if min(grid) <= 0:
            raise ValueError(f"C must be positive, not {min(grid)}")
        spread = np.average((X - np.average(X, axis=0, weights=weight).mean()) ** 2, axis=0, weights=weight).mean()
        self.gamma_ = self.gamma if self.gamma != "scale" else 1.0 / (X.shape[1] * spread) if spread else 1.0
        root = np.sqrt(weight)[:, None]
        scaled = root * targets
        if self.kernel == "linear" and X.shape[1] <= len(X):
            self.basis_ = None
            return _primal_path(root * X, scaled, grid)
        if self.kernel != "linear" and len(X) > self.exact_rows:
            return self._approximate_path(X, root, scaled, grid)
        self.basis_ = X
        gram = self._kernel(X, X)
        gram *= root
        gram *= root.T
        return [root * solution for solution in _dual_path(gram, scaled, grid)]

    def _approximate_path(self, X: Array, root: Array, scaled: Array, grid: Sequence[float]) -> list[Array]:
        features = Nystroem(
            kernel=self.kernel,
            **self._kernel_parameters(),
            n_components=min(self.components, len(X)),
            random_state=self.random_state,
        ).fit(X)
        self.basis_ = features.components_
        # Kernel with the basis times this matrix are Nystroem's features: the map becomes part of the coefficients.
        projection = features.normalization_.T
        path = _primal_path(root * (self._kernel(X, self.basis_) @ projection), scaled, grid)
        return [projection @ coefficients for coefficients in path]

    def _kernel_parameters(self) -> dict[str, Any]:
        each: dict[str, dict[str, Any]] = {
            "linear": {},
            "rbf": {"gamma": self.gamma_},
            "poly": {"gamma": self.gamma_, "degree": self.degree, "coef0": self.coef0},
        }
        if self.kernel not in each:
            raise ValueError(f"kernel is {self.kernel!r}, expected one of {', '.join(each)}")
        return each[self.kernel]

    def _kernel(self, X: Array, basis: Array) -> Array:
        return kernel_matrix(self.kernel, X, basis, self.gamma_, self.degree, self.coef0)

    def _outputs(self, X: ArrayLike, coefficients: Array) -> Array:
        """The kernel of `X` with the basis times `coefficients` (n_basis, k): shape (n, k)."""
        check_is_fitted(self, "coef_")
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        return (rows if self.basis_ is None else self._kernel(rows, self.basis_)) @ coefficients


class KernelELMRegressor(MultiOutputMixin, RegressorMixin, _KernelELM):
    """Kernel ELM for one or several values, for scikit-learn; parameters and attributes as in `_KernelELM`."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to `X` (n, n_features) and `y` (n,) or (n, n_targets); `sample_weight` (n,) is W, ones where None."""
        return self.fit_path(X, y, [self.C], sample_weight)[0]

    def fit_path(
        self, X: ArrayLike, y: ArrayLike, grid: Sequence[float], sample_weight: ArrayLike | None = None
    ) -> list[Self]:
        """Fitted estimators, one for each C of `grid`, for less than a solve each; the first is this very object."""
        rows, values = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        targets = np.asarray(values, np.float64)
        weight = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        path = self._fit_path(rows, targets.reshape(len(rows), -1), weight, grid)
        self.flat_ = targets.ndim == 1
        return _along(self, path, grid)

    def predict(self, X: ArrayLike) -> Array:
        """The values for `X` (n, n_features): (n,) or (n, n_targets), as `y` was."""
        outputs = self._outputs(X, getattr(self, "coef_", np.empty(0)))
        return outputs[:, 0] if self.flat_ else outputs


class KernelELMClassifier(ClassifierMixin, _KernelELM):
    """Kernel ELM on 0/1 indicators of the classes, a scikit-learn estimator; the largest output is the class.

    `class_weight` as in scikit-learn: None, a dict, or "balanced", which weights each row inversely to the count of its
    class (the weighted KELM of the paper) with a mean of 1, so that C keeps its meaning.
    Further parameters and attributes as in `_KernelELM`; `classes_` are the labels, in order.
    """

    def __init__(
        self,
        C: float = 1.0,
        kernel: Kernel = "rbf",
        gamma: float | Literal["scale"] = "scale",
        degree: int = DEGREE,
        coef0: float = COEF0,
        class_weight: Any = None,
        exact_rows: int = 12_000,
        components: int = 2_000,
        random_state: int = 0,
    ) -> None:
        super().__init__(C, kernel, gamma, degree, coef0, exact_rows, components, random_state)
        self.class_weight = class_weight

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to `X` (n, n_features) and labels `y` (n,); `sample_weight` (n,) multiplies the class weights."""
        return self.fit_path(X, y, [self.C], sample_weight)[0]

    def fit_path(
        self, X: ArrayLike, y: ArrayLike, grid: Sequence[float], sample_weight: ArrayLike | None = None
    ) -> list[Self]:
        """Fitted estimators, one for each C of `grid`, for less than a solve each; the first is this very object."""
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        weight = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        if self.class_weight is not None:
            weight = weight * compute_sample_weight(self.class_weight, labels)
        self.classes_ = np.unique(labels)
        path = self._fit_path(rows, (labels[:, None] == self.classes_).astype(np.float64), weight, grid)
        return _along(self, path, grid)

    def decision_function(self, X: ArrayLike) -> Array:
        """The outputs for `X`: (n, n_classes), near the share of each class; for two classes their difference (n,)."""
        outputs = self._outputs(X, getattr(self, "coef_", np.empty(0)))
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The label with the largest output, shape (n,)."""
        outputs = self._outputs(X, getattr(self, "coef_", np.empty(0)))
        return self.classes_[outputs.argmax(axis=1)]


def path_outputs(path: Sequence[KernelELMRegressor] | Sequence[KernelELMClassifier], X: ArrayLike) -> list[Array]:
    """The outputs (n, n_targets) for `X` of each estimator that `fit_path` gave; the kernel is computed once."""
    outputs = path[0]._outputs(X, np.hstack([one.coef_ for one in path]))
    return np.split(outputs, len(path), axis=1)


def _along(first: Any, path: Sequence[Array], grid: Sequence[float]) -> list[Any]:
    """Fitted estimators, one for each C, that share the basis of `first`, which is the first of them itself."""
    first.coef_ = path[0]
    fitted = [first]
    for c, coefficients in zip(grid[1:], path[1:], strict=True):
        other = clone(first).set_params(C=c)
        other.__dict__.update({name: value for name, value in vars(first).items() if name.endswith("_")})
        other.coef_ = coefficients
        fitted.append(other)
    return fitted


def _primal_path(features: Array, targets: Array, grid: Sequence[float]) -> list[Array]:
    """(I / C + X'X)^-1 X'T for each C, by one eigendecomposition of X'X."""
    values, vectors = linalg.eigh(features.T @ features)
    projected = vectors.T @ (features.T @ targets)
    # Rounding may put the smallest below zero, where a large C would meet it.
    return [vectors @ (projected / (np.maximum(values, 0) + 1 / c)[:, None]) for c in grid]


def _dual_path(gram: Array, targets: Array, grid: Sequence[float]) -> list[Array]:
    """(I / C + A)^-1 T for each C and a symmetric A of non-negative eigenvalues, which may be overwritten."""
    if len(grid) < LONG_GRID:
        return [_cholesky(gram, targets, c) for c in grid]
    return _tridiagonal(gram, targets, grid)


def _cholesky(gram: Array, targets: Array, c: float) -> Array:
    moved = gram.copy()
    moved.flat[:: len(moved) + 1] += 1 / c
    try:
        factor = linalg.cho_factor(moved, lower=True, overwrite_a=True, check_finite=False)
    except linalg.LinAlgError:
        raise _indefinite(c) from None
    return linalg.cho_solve(factor, targets, check_finite=False)


def _tridiagonal(gram: Array, targets: Array, grid: Sequence[float]) -> list[Array]:
    n = len(gram)
    size = int(lapack.dsytrd_lwork(n, lower=1)[0])
    # Symmetric, so the transpose is the same matrix, in the order that LAPACK wants, without a copy.
    reduced, diagonal, beside, scales, _ = lapack.dsytrd(gram.T, lower=1, lwork=size, overwrite_a=1)
    turned = _turn(reduced, scales, targets, transposed=True)
    solved = []
    for c in grid:
        _, _, solution, failed = lapack.dptsv(diagonal + 1 / c, beside, turned)
        if failed:
            raise _indefinite(c)
        solved.append(solution)
    return np.split(_turn(reduced, scales, np.hstack(solved), transposed=False), len(grid), axis=1)


def _turn(reduced: Array, scales: Array, columns: Array, transposed: bool) -> Array:
    """Q or Q' times `columns`: below the first row, Q is the Q of a QR decomposition, as `dsytrd` leaves it."""
    result = np.array(columns, order="F")
    reflectors = np.asfortranarray(reduced[1:, :-1])
    side = "T" if transposed else "N"
    below = np.asfortranarray(result[1:])
    _, work, _ = lapack.dormqr("L", side, reflectors, scales, below, lwork=-1)
    result[1:] = lapack.dormqr("L", side, reflectors, scales, below, lwork=int(work[0]), overwrite_c=1)[0]
    return result


def _indefinite(c: float) -> ValueError:
    return ValueError(f"the kernel's matrix is not positive definite with C = {c:g}; a smaller C, or another kernel")
