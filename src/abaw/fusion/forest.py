"""Random forests on the stacked outputs of the models (paper §2.3).

Expressions: one classifier on all class probabilities of all models, its classes balanced. Valence and arousal: one
regressor each, on what every model says of it. These, and trees of unlimited depth, are as in the authors' code.

The paper chooses the number of trees by out-of-bag rows "to avoid over-fitting". But the rows of a video resemble each
other, and a row out of a tree's bag has neighbours in it: what it scores says little about a video never seen. So the
same forests are scored in folds that share no video, too. The in-sample score, of rows that the forest has learned, is
that of the paper's Tables 5 and 6 as far as its 0.999 can be explained.

scikit-learn's own `oob_prediction_` and `oob_decision_function_` give 0 or NaN for rows that are in every bag, without
saying which; here they get the mean of the truth.

A forest of 10 trees is the beginning of one of 100 with the same seed, bit for bit. So the largest is grown, tree by
tree, each tree says its part of all rows, and what has been said so far is kept at each number of trees that is tried.
No tree outlives that: on AffWild2 one has half a million nodes, and all of them would take 18 GB.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import GroupKFold
from sklearn.utils import check_random_state
from tqdm import tqdm

from abaw import metrics
from abaw.config import ForestConfig
from abaw.running.errors import UserError
from abaw.tasks import TASKS, TaskName

Array = NDArray[np.float64]
Rows = NDArray[np.float32]
"""Inputs (n, k) of trees, in the precision in which these compare."""
_AT_ONCE, _ROWS_AT_ONCE = 10, 100_000
"""So many trees, of so many rows together, grow in one call; of a small corpus a call costs as much as a tree."""


@dataclass(frozen=True)
class FusedByForests:
    """What forests say at the chosen number of `trees`, of the rows that they were fitted on and of the test's.

    `grouped` (n, 2 or 8) are the outputs by forests of the same size that have not seen the row's video, `out_of_bag`
    by the trees that have not seen the row, `in_sample` by all, as is `test` (n_test, 2 or 8). `tried` has the
    challenge measure of each number of trees, out-of-bag and grouped.
    """

    trees: int
    grouped: Array
    out_of_bag: Array
    in_sample: Array
    test: Array
    tried: list[dict[str, float]]


def fuse_by_forests(
    task: TaskName,
    outputs: Array,
    truth: Array,
    videos: ArrayLike,
    test: Array,
    settings: ForestConfig,
    seed: int,
    threads: int,
) -> FusedByForests:
    """Choose the number of trees on outputs (models, n, 2 or 8) and truth (n, 2 or 1), NaN where unknown, and predict.

    `videos`, (n,) names or numbers, are what the folds keep together; `test` is (models, n_test, 2 or 8). Trees are
    grown on `threads` cores, which changes no bit. Raises `UserError` where fewer than two videos have a truth.
    """
    known = np.flatnonzero(~np.isnan(truth).any(axis=1))
    names, of_row = np.unique(np.asarray(videos), return_inverse=True)
    n_videos = len(np.unique(of_row[known]))
    if n_videos < 2:
        raise UserError(f"a random forest needs two annotated videos of validation at least, there is {n_videos}")
    folds = list(GroupKFold(min(settings.folds, n_videos)).split(known, groups=of_row[known]))
    unseen_by = np.full(len(names), len(folds) - 1)  # no fold has seen a video without truth
    for number, (_, held_out) in enumerate(folds):
        unseen_by[of_row[known[held_out]]] = number
    n_trees = len(TASKS[task].labels) * max(settings.trees) * (1 + len(folds))
    with tqdm(total=n_trees, unit="tree", desc="forests", disable=None) as progress:
        forest = _Forest(task, settings.trees, seed, threads, progress)
        in_sample, of_test, bag = forest.fused(outputs, truth, known, [outputs, test], out_of_bag=True)
        grouped = np.empty_like(in_sample)
        for number, (learned, _) in enumerate(folds):
            unseen = unseen_by[of_row] == number
            (grouped[:, unseen],) = forest.fused(outputs, truth, known[learned], [outputs[:, unseen]])
    measure = TASKS[task].challenge_measure
    scored = {"out_of_bag": bag, "grouped": grouped}
    tried = [
        {"trees": trees} | {kind: metrics.score(task, truth, said[k])[measure] for kind, said in scored.items()}
        for k, trees in enumerate(settings.trees)
    ]
    best = max(range(len(tried)), key=lambda k: tried[k][settings.chosen_by])  # the first of equals
    return FusedByForests(settings.trees[best], grouped[best], bag[best], in_sample[best], of_test[best], tried)


@dataclass(frozen=True)
class _Forest:
    """How the forests of a challenge grow: the numbers of trees that are tried, the seed, the cores, the progress."""

    task: TaskName
    sizes: Sequence[int]
    seed: int
    threads: int
    progress: "tqdm[Any]"

    def fused(
        self, outputs: Array, truth: Array, learned: NDArray[np.intp], wanted: Sequence[Array], out_of_bag: bool = False
    ) -> list[Array]:
        """Learn some rows of outputs (models, n, 2 or 8) and truth (n, 2 or 1), all of it known there.

        Gives what the forest of each size says of each of `wanted`, (models, rows, 2 or 8): arrays (sizes, rows, 2 or
        8). `out_of_bag` adds what the trees that have not seen a row say of it, of the first of `wanted`, which are the
        outputs of all n rows then; a row that every tree has seen gets the mean of the truth.
        """
        found = [np.empty((len(self.sizes), *part.shape[1:])) for part in [*wanted, *wanted[:out_of_bag]]]
        targets = truth[learned]
        means = targets.mean(axis=0) if TASKS[self.task].kind != "classes" else _shares(targets[:, 0], outputs.shape[2])
        for k, target in enumerate(targets.T):
            columns = slice(k, k + 1) if TASKS[self.task].kind != "classes" else slice(None)
            prior = means[columns]
            votes = [_Votes(array.shape[1], prior) for array in found]
            rows = [self._inputs(part, k) for part in wanted]
            orders = [_alike(part) for part in rows]
            alike = [part[order] for part, order in zip(rows, orders, strict=True)]
            grown = self._grown(self._inputs(outputs, k)[learned], target, alike, len(prior))
            for number, (said, bag) in enumerate(grown, start=1):
                for vote, values in zip(votes, said, strict=False):
                    vote.add(values, slice(None))
                if out_of_bag:
                    unseen = np.ones(len(truth), dtype=bool)
                    unseen[learned[bag]] = False
                    votes[-1].add(said[0], unseen[orders[0]])
                for place in np.flatnonzero(np.equal(self.sizes, number)):
                    for array, vote, order in zip(found, votes, [*orders, *orders[:out_of_bag]], strict=True):
                        array[place, order, columns] = vote.mean()
        return found

    def _inputs(self, outputs: Array, k: int) -> Rows:
        """What a tree for label `k` sees, (n, inputs): one dimension of every model, or all classes of every model."""
        seen = outputs[:, :, k].T if TASKS[self.task].kind != "classes" else np.hstack(list(outputs))
        return np.ascontiguousarray(seen, np.float32)

    def _grown(
        self, inputs: Rows, target: Array, wanted: Sequence[Rows], width: int
    ) -> Iterator[tuple[list[Array], NDArray[np.integer]]]:
        """What each tree of the largest forest says of `wanted`, (rows, width) each, and the rows of its bag.

        Each tree takes the next number of the seed's: so small forests, one after the other, are one large forest.
        """
        state = check_random_state(self.seed)
        kind, balance = RandomForestRegressor, {}
        if TASKS[self.task].kind == "classes":
            kind, balance = RandomForestClassifier, {"class_weight": "balanced"}
        left, at_once = max(self.sizes), max(2 * self.threads, min(_AT_ONCE, _ROWS_AT_ONCE // len(target)))
        with ThreadPoolExecutor(self.threads) as pool:
            while left:
                few = kind(min(left, at_once), random_state=state, n_jobs=self.threads, **balance)
                few.fit(inputs, target)
                classes = few.classes_.astype(int) if TASKS[self.task].kind == "classes" else None
                say = partial(_said, wanted=wanted, classes=classes, width=width)
                # Side by side, but in order: threads would change the last bits of the sums.
                yield from zip(pool.map(say, few.estimators_), few.estimators_samples_, strict=True)
                left -= len(few.estimators_)
                self.progress.update(len(few.estimators_))


class _Votes:
    """The mean of what trees say of each of n rows; where none says anything, the prior, of shape (width,)."""

    def __init__(self, n_rows: int, prior: Array) -> None:
        self.prior = prior
        self.sums = np.zeros((n_rows, len(prior)))
        self.counts = np.zeros((n_rows, 1))

    def add(self, said: Array, rows: slice | NDArray[np.bool_]) -> None:
        """Count what a tree says, (n, width), for some of the rows."""
        self.sums[rows] += said[rows]
        self.counts[rows] += 1

    def mean(self) -> Array:
        """Shape (n, width)."""
        silent = np.broadcast_to(self.prior, self.sums.shape).copy()
        return np.divide(self.sums, self.counts, out=silent, where=self.counts > 0)


def _said(tree: Any, wanted: Sequence[Rows], classes: NDArray[np.int64] | None, width: int) -> list[Array]:
    """What a tree says of each of `wanted`: its values (n, 1), or the shares of all classes, (n, width)."""
    if classes is None:
        return [tree.predict(rows)[:, None] if len(rows) else np.empty((0, 1)) for rows in wanted]
    said = [np.zeros((len(rows), width)) for rows in wanted]
    for array, rows in zip(said, wanted, strict=True):
        if len(rows):
            array[:, classes] = tree.predict_proba(rows)
    return said


def _alike(rows: Rows) -> NDArray[np.intp]:
    """An order of the rows, (n, inputs), in which neighbours take much the same way through a tree.

    So its nodes stay in the processor's cache: half a million rows of three inputs are read in a third of the time.
    """
    return np.lexsort(np.round(8 * rows).T)


def _shares(classes: Array, n_classes: int) -> Array:
    """How often each class comes, (n_classes,), summing to one."""
    return np.eye(n_classes)[classes.astype(int)].mean(axis=0)
