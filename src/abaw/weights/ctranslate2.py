"""Read weights in CTranslate2's form as data: a flat list of named arrays (its `model_spec.py`, binary version 6).

    version, name of the form, its revision, number of arrays, then for each array:
    its name, rank, sizes, type, number of bytes, the bytes; all numbers little-endian, names ended by a zero

Nothing in such a file is run. Every length is checked against what the file has left before anything is read.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from abaw.running.errors import UserError

VERSION = 6
_TYPES: dict[int, type[np.generic]] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_MOST_AXES = 8


@dataclass
class _Cursor:
    """A place in the bytes of a file, which only moves on within them."""

    path: Path
    data: mmap.mmap
    at: int = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            self.refuse(f"ends at byte {len(self.data)}, within a piece of {count} bytes that begins at byte {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str) -> int:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def name(self) -> str:
        raw = self.take(self.number("H"))
        if not raw.endswith(b"\0") or not raw.isascii():
            self.refuse(f"has no name where one was expected, before byte {self.at}")
        return raw[:-1].decode("ascii")

    def refuse(self, why: str) -> NoReturn:
        raise UserError(f"the weights {self.path} {why}; expected CTranslate2's form, get the file again")


def read_arrays(path: Path, prefix: str = "") -> dict[str, NDArray[np.generic]]:
    """The arrays whose names begin with `prefix`, in their own types; `UserError` where the file has another form."""
    try:
        with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(_Cursor(path, data), prefix)
    except (OSError, ValueError) as error:  # mmap's own for an empty file
        raise UserError(f"the weights {path} cannot be read: {error}") from error


def _read(cursor: _Cursor, prefix: str) -> dict[str, NDArray[np.generic]]:
    if (version := cursor.number("I")) != VERSION:
        cursor.refuse(f"begin with the version {version}, not {VERSION}")
    cursor.name()
    cursor.number("I")
    found: dict[str, NDArray[np.generic]] = {}
    for _ in range(cursor.number("I")):
        name = cursor.name()
        if (axes := cursor.number("B")) > _MOST_AXES:
            cursor.refuse(f"give {name} {axes} axes")
        shape = tuple(cursor.number("I") for _ in range(axes))
        if (kind := cursor.number("B")) not in _TYPES:
            cursor.refuse(f"give {name} the type {kind}, of those known {', '.join(map(str, _TYPES))}")
        dtype = np.dtype(_TYPES[kind]).newbyteorder("<")
        if (size := cursor.number("I")) != math.prod(shape) * dtype.itemsize:
            cursor.refuse(f"give {name} {size} bytes for the shape {shape} of {dtype.name}")
        raw = cursor.take(size)
        if name.startswith(prefix):
            found[name] = np.frombuffer(raw, dtype).reshape(shape)
    return found
