"""Folds of the videos of training and validation, as challenges of their own: `va_fold1` trains on all but the first.

`va_folds` is what the folds' models say together: its validation is every annotated track, each predicted by the models
of the fold that has left its video out. Both tracks of a video are in one fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from abaw.corpus.layout import Layout, Track
from abaw.running.errors import UserError
from abaw.tasks import TASKS, Split, TaskName


def fold_names(task: TaskName, n_folds: int) -> list[str]:
    """The names of the folds of a challenge, from 1."""
    return [f"{task}_fold{number}" for number in range(1, n_folds + 1)]


def joined_name(task: TaskName) -> str:
    """The name of all folds of a challenge together."""
    return f"{task}_folds"


def assign_folds(sizes: Mapping[str, int], n_folds: int) -> dict[str, int]:
    """The fold of each video, from 0, by how many tracks it has: the largest first, each into the lightest fold.

    That is scikit-learn's GroupKFold, which takes two seconds to import; among equals the last name comes first, and
    the first fold. Raises `UserError` where there are fewer videos than folds.
    """
    if len(sizes) < n_folds:
        raise UserError(f"folds is {n_folds}, but training and validation have {len(sizes)} videos; set it lower")
    weights = [0] * n_folds
    found = {}
    for video in sorted(sizes, key=lambda name: (sizes[name], name), reverse=True):
        lightest = weights.index(min(weights))
        weights[lightest] += sizes[video]
        found[video] = lightest
    return found


def with_folds(layout: Layout, n_folds: int | None) -> Layout:
    """The layout whose tracks are also in the splits of each fold, and of all together; as it is without folds."""
    if n_folds is None:
        return layout
    extra: dict[str, dict[str, Split]] = {}
    tracks = [*layout.tracks, *(skip.track for skip in layout.skipped)]
    for task in TASKS:
        annotated = [track for track in layout.tracks if track.splits.get(task) in ("train", "val")]
        sizes: dict[str, int] = {}
        for track in annotated:
            sizes[track.video] = sizes.get(track.video, 0) + 1
        fold = assign_folds(sizes, n_folds)
        for track in tracks:
            if task in track.splits:
                extra.setdefault(track.sample, {}).update(_splits_of(track, task, fold, n_folds))
    return replace(
        layout,
        tracks=tuple(_extended(track, extra) for track in layout.tracks),
        skipped=tuple(replace(skip, track=_extended(skip.track, extra)) for skip in layout.skipped),
    )


def _splits_of(track: Track, task: TaskName, fold: Mapping[str, int], n_folds: int) -> dict[str, Split]:
    names = fold_names(task, n_folds)
    if track.splits[task] == "test":
        return dict.fromkeys([*names, joined_name(task)], "test")
    own = fold.get(track.video)  # none of a video that cannot be read
    found: dict[str, Split] = {name: "val" if number == own else "train" for number, name in enumerate(names)}
    return {**found, joined_name(task): "val"}


def _extended(track: Track, extra: Mapping[str, Mapping[str, Split]]) -> Track:
    return replace(track, splits={**track.splits, **extra.get(track.sample, {})})


def samples_of(layout: Layout, name: str, split: Split) -> Sequence[str]:
    """The samples of a split of a fold, or of all folds together, whose training split are all that are annotated."""
    own = [track.sample for track in layout.tracks_of(name, split)]
    return own or [track.sample for track in layout.tracks_of(name, "val")]
