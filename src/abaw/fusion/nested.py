"""What a system reaches on videos on which nothing of it was chosen: a nested estimate by folds of validation.

For each fold everything that is chosen on validation is chosen anew on the other folds: of each model the epoch and the
cell, filter and width of smoothing where these are chosen, weights or forest of the fusion, bias and temperature. What
that says of the fold's videos is put together and scored once. Where the epoch of the frames' model is chosen, it is
not chosen anew: other models are trained on its embeddings, and that would be their training again for each fold.

Each model comes as tables of candidates (`abaw.tables.schemas.candidates`): what each of its epochs in each of its
cells says of validation. A candidate is judged on all folds at once, from sums over the videos.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from abaw import metrics
from abaw.config import DirichletConfig, ForestConfig, FusionConfig, TimelineConfig
from abaw.fusion.calibration import fit_calibration
from abaw.fusion.dirichlet import DirichletWeightedFusion
from abaw.fusion.forest import fuse_by_forests
from abaw.fusion.systems import Members
from abaw.fusion.weighting import as_probabilities, weighted_inputs
from abaw.report.bootstrap import drawn_measures
from abaw.tables.arrays import candidate_outputs, matrix
from abaw.tables.priors import predictions_table
from abaw.tasks import TASKS, TaskName
from abaw.timeline.alignment import frames_of
from abaw.timeline.filters import Smoothing
from abaw.timeline.rows import Rows
from abaw.timeline.widths import over_folds, smoothings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Validation:
    """Validation: the rows that are asked for of each sample, and their truth, (n, 2 or 1), NaN where unknown.

    `fold` is the fold of each video, and `prior` what is said of a sample without any prediction. So many folds more as
    `empty` says have no video: what is chosen without one of these is chosen on all.
    """

    task: TaskName
    rows: Sequence[Rows]
    truth: Array
    video_of_sample: Mapping[str, str]
    fold: Mapping[str, int]
    prior: Mapping[str, float]
    empty: int = 0

    @property
    def samples(self) -> list[str]:
        """The samples, in the order of their rows."""
        return [row.sample for row in self.rows]

    @property
    def video_of_row(self) -> NDArray[np.str_]:
        """The video of each row, (n,)."""
        return np.repeat([self.video_of_sample[row.sample] for row in self.rows], [row.n_rows for row in self.rows])

    @property
    def fold_of_row(self) -> NDArray[np.int64]:
        """The fold of each row, (n,)."""
        names, of_row = np.unique(self.video_of_row, return_inverse=True)
        return np.array([self.fold[name] for name in names.tolist()])[of_row]

    @property
    def n_folds(self) -> int:
        """How many folds there are, those without a video among them."""
        return max(self.fold.values()) + 1 + self.empty


def model_frames(
    tables: Sequence[pa.Table], validation: Validation, timeline: TimelineConfig
) -> tuple[list[Array], list[dict[str, Any]]]:
    """What a model, chosen without each fold, says of all rows, (n, 2 or 8) a fold, and what was chosen.

    A choice is the number of the table (its cell), the candidate in it (its epoch, both from 0), the width in seconds,
    and the filter where several are tried.
    """
    task = validation.task
    # (candidates, folds) each; of a single candidate there is nothing to choose
    alone = [np.zeros((1, validation.n_folds))]
    scores = alone if _is_alone(task, tables) else [_scores(table, validation) for table in tables]
    tried = [Smoothing(timeline.filter, timeline.smoothing_s)]
    if timeline.width != "fixed":
        tried = smoothings(timeline)

    @cache
    def aligned(cell: int, candidate: int, smoothing: Smoothing) -> Array:
        predictions = _predictions(tables[cell], candidate, validation)
        frames = frames_of(task, predictions, validation.rows, smoothing.width_s, timeline.smoothed, smoothing.kind)
        return matrix(frames, TASKS[task].outputs)

    found, chosen = [], []
    for fold in range(validation.n_folds):
        cell = max(range(len(tables)), key=lambda k: scores[k][:, fold].max())  # the first of equals
        candidate = int(scores[cell][:, fold].argmax())
        best = tried[0]
        if len(tried) > 1:
            measure = over_folds if timeline.width == "folds" else _pooled
            others = validation.fold_of_row != fold
            about = validation.truth[others], validation.fold_of_row[others]
            reached = [measure(task, about[0], aligned(cell, candidate, one)[others], about[1]) for one in tried]
            best = tried[reached.index(max(reached))]
        found.append(aligned(cell, candidate, best))
        filters = {"filter": best.kind} if timeline.sweep_filters else {}
        chosen.append({"cell": cell, "candidate": candidate, "smoothing_s": best.width_s, **filters})
    return found, chosen


def system_frames(
    system: Members,
    of_models: Mapping[str, Sequence[Array]],
    validation: Validation,
    fusion: FusionConfig,
    seed: int,
    threads: int,
) -> Array:
    """What a system, fitted without each fold, says of the fold's rows: (n, 2 or 8), out of `model_frames`.

    Raises `UserError` for a random forest where the other folds have a single annotated video.
    """
    first = of_models[system.models[0]]
    found = np.empty_like(first[0])
    for fold in range(len(first)):
        outputs = np.stack([of_models[name][fold] for name in system.models])
        inside = validation.fold_of_row == fold
        _, found[inside] = fitted_without(system, outputs, inside, validation, fusion, seed, threads)
    return found


def fitted_without(
    system: Members,
    outputs: Array,
    inside: NDArray[np.bool_],
    validation: Validation,
    fusion: FusionConfig,
    seed: int,
    threads: int,
) -> tuple[Array, Array]:
    """What a system says of the rows outside, to which it is fitted, and of those `inside` (n,).

    `outputs` are (models, n, 2 or 8). Of a forest the first are by trees that have not seen their video. Raises
    `UserError` for a random forest where there is a single annotated video outside.
    """
    if system.fusion == "none":
        learned, unseen = outputs[0, ~inside], outputs[0, inside]
    elif system.fusion == "dirichlet":
        learned, unseen = _by_weights(outputs, system.models, inside, validation, fusion.dirichlet, seed)
    else:
        learned, unseen = _by_forest(outputs, inside, validation, fusion.forest, seed, threads)
    if fusion.calibration.asked and TASKS[validation.task].kind == "classes":
        calibration = fit_calibration(learned, validation.truth[~inside], fusion.calibration)
        learned, unseen = calibration.apply(learned), calibration.apply(unseen)
    return learned, unseen


def _by_weights(
    outputs: Array,
    models: Sequence[str],
    inside: NDArray[np.bool_],
    validation: Validation,
    settings: DirichletConfig,
    seed: int,
) -> tuple[Array, Array]:
    """What weights that were fitted to the rows outside say of these, and of those inside."""
    task = validation.task
    said = weighted_inputs(task, list(outputs), models, settings.max_entropy_nats, settings.combined)
    fitted = DirichletWeightedFusion(task, settings.candidates, settings.concentration, settings.search, seed).fit(
        [one[~inside] for one in said], validation.truth[~inside]
    )
    learned, unseen = (fitted.predict([one[rows] for one in said]) for rows in (~inside, inside))
    return as_probabilities(task, learned, settings.combined), as_probabilities(task, unseen, settings.combined)


def _by_forest(
    outputs: Array, inside: NDArray[np.bool_], validation: Validation, settings: ForestConfig, seed: int, threads: int
) -> tuple[Array, Array]:
    """What forests say of the rows outside, of videos that they have not seen, and of those inside."""
    learned, videos = ~inside, validation.video_of_row[~inside]
    if settings.chosen_by == "out_of_bag":
        # The folds within choose nothing then, and each costs its trees.
        settings = settings.model_copy(update={"folds": 2})
    found = fuse_by_forests(
        validation.task,
        outputs[:, learned],
        validation.truth[learned],
        videos,
        outputs[:, inside],
        settings,
        seed,
        threads,
    )
    return found.grouped, found.test


def _is_alone(task: TaskName, tables: Sequence[pa.Table]) -> bool:
    return len(tables) == 1 and len(candidate_outputs(task, tables[0])) == 1


def _scores(table: pa.Table, validation: Validation) -> Array:
    """The challenge measure of each candidate without each fold, (candidates, folds); lowest where there is no row."""
    task = validation.task
    truth = matrix(table, [f"true_{name}" for name in TASKS[task].labels])
    rows = np.flatnonzero(table["chooses"].to_numpy() & ~np.isnan(truth).any(axis=1))
    samples, of_row = np.unique(np.asarray(table["sample"].to_pylist(), dtype=str)[rows], return_inverse=True)
    folds = np.array([validation.fold[validation.video_of_sample[sample]] for sample in samples.tolist()], dtype=int)
    without = (folds != np.arange(validation.n_folds)[:, None]).astype(np.float64)
    outputs = candidate_outputs(task, table)
    found = np.empty((len(outputs), validation.n_folds))
    with np.errstate(invalid="ignore", divide="ignore"):
        for number, said in enumerate(outputs):
            measures = drawn_measures(task, truth[rows], said[rows].astype(np.float64), of_row, without)
            found[number] = measures[TASKS[task].challenge_measure]
    return np.nan_to_num(found, nan=-np.inf)


def _pooled(task: TaskName, truth: Array, outputs: Array, fold_of_row: NDArray[np.int64]) -> float:
    """The challenge measure of all rows together, whatever their fold."""
    return metrics.score(task, truth, outputs)[TASKS[task].challenge_measure]


def _predictions(table: pa.Table, candidate: int, validation: Validation) -> pa.Table:
    rows = np.flatnonzero(table["predicts"].to_numpy())
    start_s, end_s = matrix(table, ["start_s", "end_s"])[rows].T
    outputs = candidate_outputs(validation.task, table)[candidate][rows].astype(np.float32)
    samples = np.asarray(table["sample"].to_pylist(), dtype=object)[rows]
    return predictions_table(validation.task, samples, start_s, end_s, outputs, validation.samples, validation.prior)
