"""The `people` table as arrays, a person at a time: values, how long each frame lasts, and runs of equal frames."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from abaw.running.errors import UserError
from abaw.tables.arrays import matrix
from abaw.tasks import DIMENSIONS, TASKS

CLASSES = TASKS["expr"].outputs
"""The expressions as the table writes them."""
PROBABILITIES = tuple(f"p_{name}" for name in CLASSES)
BOX = ("x0_px", "y0_px", "x1_px", "y1_px")
NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class Person:
    """One subject of a video over all n frames; values that nobody knows are NaN, `NO_CLASS` or False.

    `values` (n, 2) are valence and arousal in [-1, 1], or their proxies where `is_proxy`; `probabilities` (n, 8) are in
    [0, 1]; `box_px` (n, 4) is left, top, right, bottom in the picture as it is shown; `expression` (n,) is a place in
    `CLASSES`; `age_s` (n,) is NaN before the first measured face. `knows_speech` says whether anybody listened.
    """

    subject: int
    has_face: NDArray[np.bool_]
    box_px: NDArray[np.float64]
    values: NDArray[np.float64]
    is_proxy: bool
    probabilities: NDArray[np.float64]
    expression: NDArray[np.int64]
    speaking: NDArray[np.bool_]
    knows_speech: bool
    age_s: NDArray[np.float64]

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Which frames a face was measured in, rather than held from an earlier one."""
        return self.has_face & (self.age_s == 0)


@dataclass(frozen=True, eq=False)
class People:
    """All subjects of one video, and `time_s` (n,), when each of its n frames begins; the first is `first_frame`."""

    video: str
    first_frame: int
    time_s: NDArray[np.float64]
    persons: tuple[Person, ...]

    @property
    def duration_s(self) -> NDArray[np.float64]:
        """How long each frame is shown, (n,): until the next begins; the last for as long as half of all are at least.

        A video of one frame lasts no time, for nothing says how long.
        """
        gaps = np.diff(self.time_s)
        return np.append(gaps, np.median(gaps)) if len(gaps) else np.zeros(len(self.time_s))

    @property
    def end_s(self) -> float:
        """When the last frame ends."""
        return float(self.time_s[-1] + self.duration_s[-1]) if len(self.time_s) else 0.0


@dataclass(frozen=True)
class Run:
    """Frames in a row that have one value, from a time to a time in seconds; `value` is a place in `CLASSES`, or 1."""

    start_s: float
    end_s: float
    value: int


def people_of(table: pa.Table, where: str) -> People:
    """The people of a `people` table of one video; `where` names the file in errors.

    Who is seen in no frame is nobody: a video without a face has one subject in the table, and no person here. Raises
    `UserError` where it holds several videos, or a subject whose frames are not those of the first, one by one.
    """
    videos = table["video"].unique().to_pylist()
    if len(videos) > 1:
        raise UserError(
            f"{where} holds {len(videos)} videos ({videos[0]!r}, {videos[1]!r} ...), expected one; give the table of "
            "each video by itself"
        )
    subjects = table["subject"].to_numpy()
    starts = np.flatnonzero(np.diff(subjects, prepend=subjects[:1] - 1))
    ends = np.append(starts[1:], len(table))
    parts = [table.slice(begin, end - begin) for begin, end in zip(starts, ends, strict=False)]
    times = parts[0]["time_s"].to_numpy() if parts else np.empty(0)
    if len(np.unique(subjects)) < len(parts):
        raise UserError(f"{where} does not have the rows of each subject together; write it again")
    for part in parts:
        numbers = part["frame"].to_numpy()
        steady = (
            (np.diff(numbers) == 1).all() and (np.diff(times) > 0).all() and numbers[0] == parts[0]["frame"][0].as_py()
        )
        if not (steady and np.array_equal(part["time_s"].to_numpy(), times)):
            raise UserError(
                f"{where} does not have each frame once, in order, for subject {part['subject'][0].as_py()}; every "
                "subject needs a row for every frame of the video: write it again"
            )
    first = parts[0]["frame"][0].as_py() if parts else 1
    persons = tuple(person for person in map(_person, parts) if person.has_face.any())
    return People(videos[0] if videos else "", first, times, persons)


def _person(part: pa.Table) -> Person:
    values = matrix(part, DIMENSIONS)
    proxies = matrix(part, [f"{name}_proxy" for name in DIMENSIONS])
    is_proxy = bool(np.isnan(values).all() and not np.isnan(proxies).all())
    places = pa.compute.index_in(part["expression"], value_set=pa.array(CLASSES))
    return Person(
        subject=part["subject"][0].as_py(),
        has_face=part["has_face"].to_numpy(),
        box_px=matrix(part, BOX),
        values=proxies if is_proxy else values,
        is_proxy=is_proxy,
        probabilities=matrix(part, PROBABILITIES),
        expression=places.fill_null(NO_CLASS).to_numpy().astype(np.int64),
        speaking=part["speaking"].fill_null(False).to_numpy(),
        knows_speech=part["speaking"].null_count < len(part),
        age_s=matrix(part, ["age_s"])[:, 0],
    )


def expression_runs(people: People, person: Person) -> Iterator[Run]:
    """The stretches of one expression, while the person is seen."""
    yield from _runs(people, np.where(person.has_face, person.expression, NO_CLASS))


def speaking_runs(people: People, person: Person) -> Iterator[Run]:
    """The stretches in which the person speaks, seen or not."""
    yield from _runs(people, np.where(person.speaking, 1, NO_CLASS))


def _runs(people: People, values: NDArray[np.int64]) -> Iterator[Run]:
    bounds_s = np.append(people.time_s, people.end_s)
    begins = np.flatnonzero(np.diff(values, prepend=NO_CLASS - 1))
    ends = np.append(begins[1:], len(values))
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=False):
        if values[begin] != NO_CLASS and bounds_s[end] > bounds_s[begin]:
            yield Run(float(bounds_s[begin]), float(bounds_s[end]), int(values[begin]))
