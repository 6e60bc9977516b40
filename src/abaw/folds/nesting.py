"""Nested estimates of what the models of all folds, or of several seeds, say together.

Every annotated video has the models of one fold that have not seen it, and what is chosen of these is chosen on the
videos of that fold. So the videos of each fold are put into folds of their own, and for each of these everything is
chosen anew: of the models on the other videos of their fold, of the systems on all other annotated videos.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from abaw.fusion.nested import Validation

Array = NDArray[np.float64]


def of_one_number(parts: Sequence[Validation]) -> list[Validation]:
    """The validation of each fold with as many folds within as the one that has most; those that are more are empty."""
    most = max(part.n_folds for part in parts)
    return [replace(part, empty=most - part.n_folds) for part in parts]


def validation_of_all(parts: Sequence[Validation], order: Sequence[str]) -> Validation:
    """All annotated rows, samples in an `order`, out of the validation of each fold."""
    rows = {row.sample: row for part in parts for row in part.rows}
    videos = {sample: video for part in parts for sample, video in part.video_of_sample.items()}
    fold = {video: number for part in parts for video, number in part.fold.items()}
    truth = np.concatenate([part.truth for part in parts])[rows_in_order(parts, order)]
    return Validation(parts[0].task, [rows[sample] for sample in order], truth, videos, fold, {})


def frames_of_all(parts: Sequence[Validation], said: Sequence[Sequence[Array]], order: Sequence[str]) -> list[Array]:
    """What the models of all folds say of all annotated rows, (n, 2 or 8), chosen without each fold within.

    `said` is for each of `parts` what `abaw.fusion.nested.model_frames` says of its rows.
    """
    places = rows_in_order(parts, order)
    return [np.concatenate(of_folds)[places] for of_folds in zip(*said, strict=True)]


def mean_over_seeds(said: Sequence[Sequence[Array]]) -> list[Array]:
    """What the models of several seeds say of the same rows in the mean, (n, 2 or 8), chosen without each fold."""
    return [np.mean(of_seeds, axis=0) for of_seeds in zip(*said, strict=True)]


def rows_in_order(parts: Sequence[Validation], order: Sequence[str]) -> NDArray[np.int64]:
    """Where the rows of each sample of an `order` stand among those of all `parts`; KeyError where one is nowhere."""
    begin, places = 0, {}
    for row in (row for part in parts for row in part.rows):
        places[row.sample] = np.arange(begin, begin + row.n_rows)
        begin += row.n_rows
    return np.concatenate([places[sample] for sample in order])
