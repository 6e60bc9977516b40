"""A grid of C for the kernel ELM: our path against one solve for each C, in the same run.

    python benchmarks/elm.py

RBF, n = 6,000 rows, 25 values of C, eight targets: the solver of `KernelELMRegressor.fit_path` against a Cholesky solve
for each C and an explicit inverse for each C (the authors' way). All start from the same kernel matrix.
Linear, n = 27,000 rows of 768 features (AffWild2's windows with three functionals): the path against one solve of the
kernel's system for each C. That matrix would take 5.8 GB, so the solve is timed on fewer rows and extrapolated by its
cubic cost; computing the matrix is left out, which favours the plain way.
The last line is a JSON object: how many times faster the path is.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from scipy import linalg
from sklearn.metrics.pairwise import rbf_kernel

from abaw.functional.elm import KernelELMRegressor, _dual_path

TARGETS = 8


def main() -> None:
    """Time all ways, print the figures."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--rows", type=int, default=6_000, help="rows with the RBF kernel")
    command.add_argument("--linear-rows", type=int, default=27_000)
    command.add_argument("--timed-rows", type=int, default=5_000, help="rows of the linear kernel's timed solve")
    command.add_argument("--grid", type=int, default=25, help="values of C")
    args = command.parse_args()

    grid = np.logspace(-4, 4, args.grid).tolist()
    rng = np.random.default_rng(0)
    figures = rbf(rng, args.rows, grid) | linear(rng, args.linear_rows, args.timed_rows, grid)
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


def rbf(rng: np.random.Generator, n: int, grid: list[float]) -> dict[str, float]:
    """Path against a Cholesky solve and an inverse for each C; their results are compared too."""
    rows, targets = rng.normal(size=(n, 64)), rng.normal(size=(n, TARGETS))
    gram = rbf_kernel(rows)
    path, ours_s = timed(lambda: _dual_path(gram.copy(), targets, grid))
    plain, cholesky_s = timed(lambda: [cholesky(gram, targets, c) for c in grid])
    some = grid[::8]
    _, inverse_s = timed(lambda: [np.linalg.inv(gram + np.eye(n) / c) @ targets for c in some])
    inverse_s *= len(grid) / len(some)
    gap = max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(path, plain, strict=True))
    print(f"RBF, {n} rows, {len(grid)} values of C: path {ours_s:.1f} s, Cholesky {cholesky_s:.1f} s, inverses")
    print(f"{inverse_s:.1f} s (timed for {len(some)}); the largest relative difference of path and Cholesky {gap:.1e}")
    return {"rbf_over_cholesky": cholesky_s / ours_s, "rbf_over_inverse": inverse_s / ours_s}


def linear(rng: np.random.Generator, n: int, timed_rows: int, grid: list[float]) -> dict[str, float]:
    """Path in the primal form against one solve of the kernel's system for each C."""
    rows, targets = rng.normal(size=(n, 768)), rng.normal(size=(n, TARGETS))
    _, ours_s = timed(lambda: KernelELMRegressor(kernel="linear").fit_path(rows, targets, grid))
    gram = rows[:timed_rows] @ rows[:timed_rows].T
    _, solve_s = timed(lambda: cholesky(gram, targets[:timed_rows], 1.0))
    plain_s = len(grid) * solve_s * (n / timed_rows) ** 3
    print(f"linear, {n} rows: path {ours_s:.1f} s; one solve each {plain_s:.0f} s (extrapolated from {solve_s:.1f} s")
    print(f"with {timed_rows} rows)")
    return {"linear_over_kernel": plain_s / ours_s}


def cholesky(gram: np.ndarray, targets: np.ndarray, c: float) -> np.ndarray:
    """The plain way, as scikit-learn's KernelRidge does it."""
    moved = gram.copy()
    moved.flat[:: len(moved) + 1] += 1 / c
    return linalg.solve(moved, targets, assume_a="pos", overwrite_a=True)


def timed(work: Callable[[], list]) -> tuple[list, float]:
    """The result and its seconds."""
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


if __name__ == "__main__":
    main()
