"""The columns of a video's people as text inside a page: small, exact enough for a screen, quick to read again."""

import base64
import gzip

import numpy as np
from numpy.typing import NDArray

from abaw.outputs.people import NO_CLASS, People, Person

UNKNOWN = -(2**15)
SCALE = 2**15 - 1
"""Values in [-1, 1] are whole numbers of so many parts; pixels are whole."""


def packed(people: People) -> str:
    """The columns one after the other, gzip, base64; `pages/viewer.js` reads them.

    Each column holds its first number and then differences, which wrap: when each frame begins (uint32, microseconds);
    for each person two values, eight probabilities and four sides of the box (int16, `UNKNOWN` where nothing is known);
    then for each person the expression while seen, whether they speak, and whether they are seen (int8, -1 for no).
    """
    columns = [_differences(np.round(people.time_s * 1e6).astype(np.uint32))]
    for person in people.persons:
        columns += [_differences(column) for column in _wide(person)]
    for person in people.persons:
        columns += [_differences(column) for column in _narrow(person)]
    raw = b"".join(column.tobytes() for column in columns)
    return base64.b64encode(gzip.compress(raw, compresslevel=6, mtime=0)).decode()


def _wide(person: Person) -> list[NDArray[np.int16]]:
    fractions = np.hstack([person.values, person.probabilities])
    numbers = np.hstack([fractions.clip(-1, 1) * SCALE, person.box_px.clip(-SCALE, SCALE)])
    whole = np.where(np.isnan(numbers), UNKNOWN, np.round(np.nan_to_num(numbers)))
    return list(whole.astype("<i2").T)


def _narrow(person: Person) -> list[NDArray[np.int8]]:
    seen = np.where(person.has_face, person.expression, NO_CLASS)
    said, faces = (np.where(flags, 1, NO_CLASS) for flags in (person.speaking, person.has_face))
    return [column.astype(np.int8) for column in (seen, said, faces)]


def _differences(column: NDArray) -> NDArray:
    """A column as its first number and the differences after it, in its own type: they wrap, and so does their sum."""
    return np.concatenate([column[:1], column[1:] - column[:-1]])
