"""Folds of videos: no video is in two, so that what is learned on the others has not seen it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from abaw.running.errors import UserError


def folds_of(videos: Sequence[str], truth: NDArray[np.float64], n_folds: int) -> dict[str, int]:
    """The fold of each video: those with a truth in `n_folds` of about as many labelled rows, others in the first.

    Raises `UserError` where fewer than two videos have a truth.
    """
    # Scikit-learn takes two seconds to load, and most jobs that smooth make no folds.
    from sklearn.model_selection import GroupKFold

    names, of_row = np.unique(np.asarray(videos, dtype=str), return_inverse=True)
    known = of_row[~np.isnan(truth).any(axis=1)]
    n_videos = len(np.unique(known))
    if n_videos < 2:
        raise UserError(f"folds need two annotated videos of validation at least, there is {n_videos}")
    found = dict.fromkeys(names.tolist(), 0)
    folds = GroupKFold(min(n_folds, n_videos)).split(known, groups=known)
    for number, (_, held_out) in enumerate(folds):
        found |= dict.fromkeys(names[np.unique(known[held_out])].tolist(), number)
    return found


def fold_of_rows(videos: NDArray[np.int64], truth: NDArray[np.float64], n_folds: int) -> NDArray[np.int64]:
    """The fold of each row, (n,), by the number of its video; see `folds_of`."""
    numbers, of_row = np.unique(videos, return_inverse=True)
    fold = folds_of(videos.astype(str).tolist(), truth, n_folds)
    return np.array([fold[str(number)] for number in numbers.tolist()])[of_row]
