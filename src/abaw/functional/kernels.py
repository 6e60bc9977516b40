"""The kernels of kernel ELMs, and what a fitted one says, without scikit-learn: to import that takes two seconds.

The arithmetic is that of scikit-learn's `pairwise_kernels` and `normalize`, in its order, so that each bit is the same.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

Kernel = Literal["linear", "rbf", "poly"]
Array = NDArray[np.float64]

DEGREE, COEF0 = 3, 1.0
"""Of the polynomial kernel, where nobody says anything else."""
_SMALLEST = 10 * np.finfo(np.float64).eps


def kernel_matrix(kernel: Kernel, rows: Array, basis: Array, gamma: float, degree: int, coef0: float) -> Array:
    """The kernel of each of `rows` (n, n_features) with each of `basis` (m, n_features): shape (n, m)."""
    if kernel == "linear":
        return rows @ basis.T
    if kernel == "poly":
        found = rows @ basis.T
        found *= gamma
        found += coef0
        found **= degree
        return found
    if kernel != "rbf":
        raise ValueError(f"kernel is {kernel!r}, expected one of linear, rbf, poly")
    found = -2 * (rows @ basis.T)
    found += _squares(rows)[:, None]
    found += _squares(basis)
    np.maximum(found, 0, out=found)
    if rows is basis:
        np.fill_diagonal(found, 0)
    found *= -gamma
    return np.exp(found, out=found)


def of_unit_length(rows: Array) -> Array:
    """Rows (n, n_features) scaled to unit length; those of zeros stay."""
    lengths = np.sqrt(_squares(rows))
    lengths[lengths < _SMALLEST] = 1.0
    return rows / lengths[:, None]


def _squares(rows: Array) -> Array:
    """The squared length of each row."""
    return np.einsum("ij,ij->i", rows, rows)


@dataclass(frozen=True, eq=False)
class Expansion:
    """What a fitted kernel ELM says: its kernel with a `basis` (n_basis, n_features) times coefficients.

    `coefficients` are (n_basis, n_targets), or the features' own (n_features, n_targets) where the basis is None.
    """

    kernel: Kernel
    gamma: float
    coefficients: Array
    basis: Array | None

    @classmethod
    def of(cls, kernel: Kernel, gamma: float, coefficients: Array, basis: Array | None) -> Self:
        """The same with arrays as a file has them: the order of a sum, and its last digit, depends on their layout."""
        laid = None if basis is None else np.ascontiguousarray(basis)
        return cls(kernel, gamma, np.ascontiguousarray(coefficients), laid)

    def outputs(self, rows: Array) -> Array:
        """The outputs (n, n_targets) for features (n, n_features)."""
        if self.basis is None:
            return rows @ self.coefficients
        return kernel_matrix(self.kernel, rows, self.basis, self.gamma, DEGREE, COEF0) @ self.coefficients
