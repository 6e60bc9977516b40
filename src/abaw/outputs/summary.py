"""One line a video and person: how long they are seen and speak, and what they express."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from abaw.outputs.people import CLASSES, NO_CLASS, People, Person
from abaw.tasks import DIMENSIONS

SUMMARY = pa.schema(
    [("video", pa.string()), ("subject", pa.int32()), ("seen_s", pa.float64()), ("speaking_s", pa.float64())]
    + [(f"{name}_{kind}", pa.float64()) for name in DIMENSIONS for kind in ("mean", "deviation")]
    + [(f"share_{name}", pa.float64()) for name in CLASSES]
    + [("changes_per_min", pa.float64()), ("share_measured", pa.float64()), ("problem", pa.string())]
)
"""Seconds, values in [-1, 1], shares in [0, 1]; null where nothing is known. `problem` says why a video has nothing."""


def summary_of(people: People) -> pa.Table:
    """A row for each person of a video, with the columns of `SUMMARY`.

    Seconds, means, deviations and shares weigh each frame by how long it is shown, so that they hold at any frame rate,
    a variable one too. Values and expressions count while the face is seen. A change is a frame with another expression
    than the one before, both seen; there are so many a minute in which an expression is known. `share_measured` is the
    part of all frames of the video in which a face of this person was measured, not held from an earlier one. A video
    without a person has one row, without a subject, in which nobody is seen.
    """
    rows = [{"video": people.video, **_line(person, people.duration_s)} for person in people.persons]
    rows = rows or [{"video": people.video, "seen_s": 0.0}]
    return pa.Table.from_pylist(rows, schema=SUMMARY)


def summary_of_failed(failed: Iterable[Mapping[str, str]]) -> pa.Table:
    """A row for each video that cannot be read, of mappings with its `video` and the `reason`."""
    rows = [{"video": one["video"], "problem": one["reason"]} for one in failed]
    return pa.Table.from_pylist(rows, schema=SUMMARY)


def _line(person: Person, duration_s: np.ndarray) -> dict[str, float | int | None]:
    line: dict[str, float | int | None] = {
        "subject": person.subject,
        "seen_s": float(duration_s[person.has_face].sum()),
        "speaking_s": float(duration_s[person.speaking].sum()) if person.knows_speech else None,
    }
    for name, values in zip(DIMENSIONS, person.values.T, strict=True):
        known = person.has_face & ~np.isnan(values) & (not person.is_proxy)
        mean = _weighted(values[known], duration_s[known])
        spread = None if mean is None else _weighted((values[known] - mean) ** 2, duration_s[known])
        line |= {f"{name}_mean": mean, f"{name}_deviation": None if spread is None else spread**0.5}
    expression = np.where(person.has_face, person.expression, NO_CLASS)
    known = expression != NO_CLASS
    for place, name in enumerate(CLASSES):
        line[f"share_{name}"] = _weighted((expression[known] == place).astype(np.float64), duration_s[known])
    changes = int((known[1:] & known[:-1] & (expression[1:] != expression[:-1])).sum())
    minutes = float(duration_s[known].sum()) / 60
    return line | {
        "changes_per_min": changes / minutes if minutes else None,
        "share_measured": float(person.measured.mean()),
    }


def _weighted(values: np.ndarray, weights: np.ndarray) -> float | None:
    """The weighted mean; None where there is nothing, the plain mean where all weights are 0."""
    if not len(values):
        return None
    return float(np.average(values, weights=weights if weights.sum() else None))
