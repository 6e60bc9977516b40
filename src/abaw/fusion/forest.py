"""Random forests on the stacked outputs of the models (paper §2.3).

Expressions: one classifier on all class probabilities of all models, its classes balanced. Valence and arousal: one
regressor each, on what every model says of it. These, and trees of unlimited depth, are as in the authors' code.

The paper chooses the number of trees by out-of-bag rows "to avoid over-fitting". But the rows of a video resemble each
other, and a row out of a tree's bag has neighbours in it: what it scores says little about a video never seen. So the
same forests are scored in folds that share no video, too. The in-sample score, of rows that the forest has learned, is
that of the paper's Tables 5 and 6 as far as its 0.999 can be explained.

scikit-learn's own `oob_prediction_` and `oob_decision_function_` give 0 or NaN for rows that are in every bag, without
saying which; here they get the mean of the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import GroupKFold

from abaw import metrics
from abaw.config import ForestConfig
from abaw.running.errors import UserError
from abaw.tasks import TASKS, TaskName

Array = NDArray[np.float64]


class Forest:
    """The forests of one challenge, with a fixed number of trees and seed, fitted on `threads` cores."""

    def __init__(self, task: TaskName, trees: int, seed: int, threads: int) -> None:
        self.task = task
        kind = RandomForestRegressor if task == "va" else RandomForestClassifier
        balance = {} if task == "va" else {"class_weight": "balanced"}
        targets = len(TASKS[task].labels)
        self.parts = [kind(trees, random_state=seed, n_jobs=threads, **balance) for _ in range(targets)]

    def fit(self, outputs: Array, truth: Array) -> "Forest":
        """Fit to outputs (models, n, 2 or 8) and truth (n, 2 or 1), all of it known."""
        self.prior = (
            truth.mean(axis=0) if self.task == "va" else np.eye(outputs.shape[2])[truth[:, 0].astype(int)].mean(0)
        )
        for part, inputs, target in zip(self.parts, self._inputs(outputs), truth.T, strict=True):
            part.fit(inputs, target)
            # Trees are grown side by side, but summed in order: threads would change the last bits.
            part.n_jobs = 1
        return self

    def predict(self, outputs: Array) -> Array:
        """Fused outputs (n, 2 or 8): values, or the mean over the trees of the classes' shares."""
        return np.hstack(
            [self._of(part, inputs) for part, inputs in zip(self.parts, self._inputs(outputs), strict=True)]
        )

    def out_of_bag(self, outputs: Array) -> Array:
        """The outputs (n, 2 or 8) for the very rows of `fit`, each by the trees that have not seen it."""
        found = []
        for part, inputs in zip(self.parts, self._inputs(outputs), strict=True):
            width = 1 if self.task == "va" else outputs.shape[2]
            sums, votes = np.zeros((len(inputs), width)), np.zeros((len(inputs), 1))
            for tree, bag in zip(part.estimators_, part.estimators_samples_, strict=True):
                out = np.setdiff1d(np.arange(len(inputs)), bag)
                sums[out] += self._of(tree, inputs[out], part)
                votes[out] += 1
            found.append(np.divide(sums, votes, out=np.full(sums.shape, np.nan), where=votes > 0))
        return np.where(np.isnan(stacked := np.hstack(found)), self.prior, stacked)

    def _inputs(self, outputs: Array) -> Sequence[Array]:
        """What each part sees, (n, inputs): one dimension of every model, or all classes of every model."""
        if self.task == "va":
            return [outputs[:, :, k].T for k in range(outputs.shape[2])]
        return [np.hstack(list(outputs))]

    def _of(self, model: object, inputs: Array, named: object = None) -> Array:
        """A part's or a tree's outputs; `named` has the classes where a tree numbers them."""
        if self.task == "va":
            return model.predict(inputs)[:, None]  # type: ignore[attr-defined]
        shares = np.zeros((len(inputs), len(self.prior)))
        if len(inputs):
            classes = (named or model).classes_.astype(int)  # type: ignore[attr-defined]
            shares[:, classes] = model.predict_proba(inputs)  # type: ignore[attr-defined]
        return shares


@dataclass(frozen=True)
class FittedForest:
    """The forest with the chosen number of trees, and what it says of the rows it was fitted on.

    `grouped` (n, 2 or 8) are the outputs by forests of the same size that have not seen the row's video, `out_of_bag`
    by the trees that have not seen the row, `in_sample` by all. `tried` has the challenge measure of each number of
    trees, out-of-bag and grouped.
    """

    forest: Forest
    trees: int
    grouped: Array
    out_of_bag: Array
    in_sample: Array
    tried: list[dict[str, float]]


def fit_forest(
    task: TaskName, outputs: Array, truth: Array, videos: Sequence[str], settings: ForestConfig, seed: int, threads: int
) -> FittedForest:
    """Choose the number of trees on outputs (models, n, 2 or 8) and truth (n, 2 or 1), NaN where unknown, and fit.

    `videos`, (n,), are what the folds keep together. Raises `UserError` where fewer than two videos have a truth.
    """
    known = ~np.isnan(truth).any(axis=1)
    groups = np.asarray(videos, object)
    n_videos = len(set(groups[known]))
    if n_videos < 2:
        raise UserError(f"a random forest needs two annotated videos of validation at least, there is {n_videos}")
    folds = list(GroupKFold(min(settings.folds, n_videos)).split(truth[known], groups=groups[known]))
    measure = TASKS[task].challenge_measure
    fits: list[tuple[Forest, Array, Array]] = []
    tried = []
    for trees in settings.trees:
        forest = Forest(task, trees, seed, threads).fit(outputs[:, known], truth[known])
        bag, grouped = forest.predict(outputs), np.empty((len(truth), outputs.shape[2]))
        bag[known] = forest.out_of_bag(outputs[:, known])
        for learned, _ in folds:
            unseen = ~np.isin(groups, groups[known][learned])
            fold = Forest(task, trees, seed, threads).fit(outputs[:, known][:, learned], truth[known][learned])
            grouped[unseen] = fold.predict(outputs[:, unseen])
        scores = {
            "out_of_bag": metrics.score(task, truth, bag)[measure],
            "grouped": metrics.score(task, truth, grouped)[measure],
        }
        tried.append({"trees": trees, **scores})
        fits.append((forest, grouped, bag))
    best = max(range(len(tried)), key=lambda number: tried[number][settings.chosen_by])  # the first of equals
    forest, grouped, bag = fits[best]
    return FittedForest(forest, settings.trees[best], grouped, bag, forest.predict(outputs), tried)
