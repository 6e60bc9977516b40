"""Trainings with other seeds, as challenges of their own on the same splits: `va_seed2` is `va` with the second seed.

`va_seeds` is the mean of what the models of all seeds say, the first of which are those of `va` itself.
"""

import re
from dataclasses import replace

from abaw.corpus.layout import Layout, Track
from abaw.tasks import TASKS, TaskName

_MEMBER = re.compile(r"_seed([0-9]+)$")
_APART = 7919
"""So far apart are seeds: runs with neighbouring values of `seed` share none."""
UNSEEDED = ("voice_functional",)
"""The models that no seed changes: that of the voice's functionals hears through an encoder as it is, and has none."""


def is_seed(name: str) -> bool:
    """Whether a name is that of a training with a seed other than the first."""
    return _MEMBER.search(name) is not None


def seed_names(task: TaskName, n_seeds: int | None) -> list[str]:
    """The names of a challenge's trainings with each seed but the first, whose name is the challenge's."""
    return [f"{task}_seed{number}" for number in range(2, (n_seeds or 1) + 1)]


def averaged_name(task: TaskName) -> str:
    """The name of the mean over all seeds of a challenge."""
    return f"{task}_seeds"


def seed_of(seed: int, name: str) -> int:
    """The seed of the trainings of a name: `seed` itself, but for those of `seed_names`.

    >>> [seed_of(2024, f"challenge{end}") for end in ("", "_fold2", "_seed2", "_seed3")]
    [2024, 2024, 9943, 17862]
    """
    found = _MEMBER.search(name)
    return seed if found is None else (seed + _APART * (int(found[1]) - 1)) % 2**31


def with_seeds(layout: Layout, n_seeds: int | None) -> Layout:
    """The layout whose tracks are also in the splits of each seed, and of their mean; as it is with one seed alone."""
    if n_seeds is None:
        return layout
    return replace(
        layout,
        tracks=tuple(_extended(track, n_seeds) for track in layout.tracks),
        skipped=tuple(replace(skip, track=_extended(skip.track, n_seeds)) for skip in layout.skipped),
    )


def _extended(track: Track, n_seeds: int) -> Track:
    own = [(task, split) for task, split in track.splits.items() if task in TASKS]  # folds have one seed
    more = {name: split for task, split in own for name in [*seed_names(task, n_seeds), averaged_name(task)]}
    return replace(track, splits={**track.splits, **more})
