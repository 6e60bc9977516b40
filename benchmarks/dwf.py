"""Dirichlet weighted fusion: scoring candidates our way against the plain loop, in the same run.

    python benchmarks/dwf.py

Made-up outputs of three models on as many rows as AffWild2's development set has for valence and arousal, 382,021, and
10,000 candidates. CCC: `ccc_means`, from means and covariances, against a loop that fuses all rows of a candidate and
takes numpy's moments. F1: `macro_f1s`, in blocks, against a loop with scikit-learn's `f1_score`. The plain ways, and
our F1, are timed on fewer candidates, their cost per candidate being constant; results are compared on those.
The last line is a JSON object: how many times faster ours is.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import f1_score

from abaw.fusion.dirichlet import ccc_means, macro_f1s, weight_pool

MODELS = 3


def main() -> None:
    """Time both measures, print the figures."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--rows", type=int, default=382_021)
    command.add_argument("--candidates", type=int, default=10_000)
    command.add_argument("--timed", type=int, default=200, help="candidates of the plain loops and of our F1")
    args = command.parse_args()

    rng = np.random.default_rng(0)
    figures = ccc(rng, args.rows, args.candidates, args.timed) | f1(rng, args.rows, args.candidates, args.timed)
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


def ccc(rng: np.random.Generator, rows: int, candidates: int, timed_candidates: int) -> dict[str, float]:
    """All candidates from moments against fusing the rows of some."""
    truth = rng.uniform(-1, 1, (rows, 2))
    outputs = np.stack([0.5 * truth + rng.normal(0, 0.3, truth.shape) for _ in range(MODELS)])
    pool = weight_pool(MODELS, 2, candidates, 1.0, seed=0)
    ours, ours_s = timed(lambda: ccc_means(pool, outputs, truth))
    plain, plain_s = timed(lambda: np.array([plain_ccc(w, outputs, truth) for w in pool[:timed_candidates]]))
    plain_s *= len(pool) / timed_candidates
    gap = np.abs(ours[:timed_candidates] - plain).max()
    print(f"CCC, {len(pool)} candidates: {ours_s:.2f} s, plain {plain_s:.0f} s (timed on {timed_candidates}); the")
    print(f"largest difference {gap:.1e}")
    return {"ccc_speedup": plain_s / ours_s}


def f1(rng: np.random.Generator, rows: int, candidates: int, timed_candidates: int) -> dict[str, float]:
    """Some candidates in blocks against scikit-learn's F1 of the fused rows."""
    truth = rng.integers(0, 8, rows)
    outputs = rng.random((MODELS, rows, 8)) + 0.3 * np.eye(8)[truth]
    pool = weight_pool(MODELS, 8, candidates, 1.0, seed=0)
    some = pool[:timed_candidates]
    ours, ours_s = timed(lambda: macro_f1s(some, outputs, truth))
    plain, plain_s = timed(lambda: np.array([plain_f1(w, outputs, truth) for w in some]))
    gap, scale = np.abs(ours - plain).max(), len(pool) / timed_candidates
    print(f"F1, {len(pool)} candidates: {ours_s * scale:.0f} s, plain {plain_s * scale:.0f} s (both timed on")
    print(f"{timed_candidates}); the largest difference {gap:.1e}")
    return {"f1_speedup": plain_s / ours_s}


def plain_ccc(weights: np.ndarray, outputs: np.ndarray, truth: np.ndarray) -> float:
    """Mean CCC of one candidate, frame by frame."""
    fused = (outputs * weights[:, None, :]).sum(axis=0)
    means, variances = fused.mean(axis=0), fused.var(axis=0)
    covariance = ((fused - means) * (truth - truth.mean(axis=0))).mean(axis=0)
    spread = variances + truth.var(axis=0) + (means - truth.mean(axis=0)) ** 2
    return float((2 * covariance / spread).mean())


def plain_f1(weights: np.ndarray, outputs: np.ndarray, truth: np.ndarray) -> float:
    """Macro F1 of one candidate by scikit-learn."""
    fused = (outputs * weights[:, None, :]).sum(axis=0)
    return float(f1_score(truth, fused.argmax(axis=1), labels=range(8), average="macro", zero_division=0))


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """The result and its seconds."""
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


if __name__ == "__main__":
    main()
