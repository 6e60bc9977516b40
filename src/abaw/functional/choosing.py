"""The choice of a functional model: set of functionals, scaling, kernel and C by the windows of validation.

Kept is the combination with the best challenge measure there (paper §2.2.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abaw import metrics
from abaw.config import KelmConfig, ScalingName
from abaw.functional.elm import KernelELMClassifier, KernelELMRegressor, path_outputs
from abaw.functional.functionals import Functional
from abaw.functional.kernels import Expansion
from abaw.functional.model import FunctionalModel, Scaling, Windows, as_outputs
from abaw.running.errors import UserError
from abaw.tasks import TASKS, TaskName


@dataclass(frozen=True)
class Cell:
    """One combination that `choose` tried, what it says of all windows of validation, (n, 2 or 8), and its scores."""

    functionals: Sequence[Functional]
    scaling: ScalingName
    kernel: str
    c: float
    outputs: NDArray[np.float16]
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Choice:
    """Every cell that was tried, and for each set of functionals its best model with the number of its cell."""

    cells: list[Cell]
    best_of_sets: list[tuple[FunctionalModel, int]]
    best: FunctionalModel
    chosen: int


def choose(task: TaskName, train: Windows, val: Windows, settings: KelmConfig) -> Choice:
    """Fit every combination on `train` and keep the best on `val`, the first of equals.

    Raises `UserError` where a split has no labelled window.
    """
    for windows, split in ((train, "training"), (val, "validation")):
        if np.isnan(windows.labels).any(axis=1).all():
            raise UserError(f"no window of the {split} split of {task} has both enough {windows.of_what} and a label")
    measure = TASKS[task].challenge_measure
    cells: list[Cell] = []
    best_of_sets = []
    for functionals in settings.sets:
        own: list[tuple[FunctionalModel, int]] = []
        for scaling, kernel in product(settings.scalings, settings.kernels):
            for model, cell in _fit(task, train, val, functionals, scaling, kernel, settings):
                cells.append(cell)
                if not own or cell.scores[measure] > cells[own[0][1]].scores[measure]:
                    own = [(model, len(cells) - 1)]
        best_of_sets += own
    best, chosen = max(best_of_sets, key=lambda one: cells[one[1]].scores[measure])
    return Choice(cells, best_of_sets, best, chosen)


def _fit(
    task: TaskName,
    train: Windows,
    val: Windows,
    functionals: Sequence[Functional],
    name: ScalingName,
    kernel: Any,
    settings: KelmConfig,
) -> list[tuple[FunctionalModel, Cell]]:
    """The models of one set, scaling and kernel, along all C, with their cells."""
    known, scored = (~np.isnan(windows.labels).any(axis=1) for windows in (train, val))
    features = train.statistics.features(functionals)
    scaling = Scaling.fitted(name, features[known])
    rows = scaling.of(features, train.statistics.of_sample)[known]
    at = scaling.of(val.statistics.features(functionals), val.statistics.of_sample)
    labels, classes = train.labels[known], [0]
    path: Sequence[Any]
    if TASKS[task].kind != "classes":
        labels = 2 * labels - 1 if TASKS[task].kind == "flags" else labels  # the ELM has no term that is constant
        path = KernelELMRegressor(kernel=kernel, exact_rows=settings.exact_rows).fit_path(
            rows, labels, settings.regularisation
        )
    else:
        weight = "balanced" if settings.weighted else None
        elm = KernelELMClassifier(kernel=kernel, class_weight=weight, exact_rows=settings.exact_rows)
        path = elm.fit_path(rows, labels[:, 0].astype(int), settings.regularisation)
        classes = elm.classes_.tolist()
    found = []
    for c, elm, outputs in zip(settings.regularisation, path, path_outputs(path, at), strict=True):
        said = as_outputs(task, outputs, classes)
        scores = metrics.score(task, val.labels[scored], said[scored])
        model = FunctionalModel(
            functionals, scaling, Expansion.of(elm.kernel, elm.gamma_, elm.coef_, elm.basis_), classes
        )
        found.append((model, Cell(functionals, name, kernel, c, said.astype(np.float16), scores)))
    return found
