"""Reading what the corpora ship: text tables line by line, numbers in a range, files that must be there.

Every function raises `UserError` with the file, the line and the value; `where` is the beginning of such a sentence.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from math import isfinite
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from abaw.corpus.names import VIDEO_SUFFIXES
from abaw.running.errors import UserError


def one_of(corpus: str, root: Path, names: Sequence[str]) -> Path:
    """The first of `names` (files or folders, relative to `root`) that exists."""
    for name in names:
        if (root / name).exists():
            return root / name
    raise UserError(
        f"{corpus} was not found: pretraining.roots.{corpus} is {str(root)!r}, which has no {' or '.join(names)}; "
        "docs/pretraining.md shows the form that is expected"
    )


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield for each line that is not blank where it stands ("FILE, line N") and its text without the line end."""
    try:
        with path.open(encoding="utf-8-sig") as handle:
            for number, line in enumerate(handle, start=1):
                if line.strip():
                    yield f"{path}, line {number}", line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text: {error}; copy it again") from error


def records(path: Path, n_fields: int, delimiter: str = ",") -> Iterator[tuple[str, list[str]]]:
    """Yield for each record of a csv where it stands and its `n_fields` fields, stripped; blank lines are left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, delimiter=delimiter)
            for fields in reader:
                where = f"{path}, line {reader.line_num}"
                if not any(fields):
                    continue
                if len(fields) != n_fields:
                    raise UserError(f"{where}: expected {n_fields} fields between {delimiter!r}, found {len(fields)}")
                yield where, [field.strip() for field in fields]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a csv: {error}; copy it again") from error


def headed(path: Path, header: Sequence[str], delimiter: str = ",") -> Iterator[tuple[str, list[str]]]:
    """Like `records`, after the header, which must be `header`."""
    found = records(path, len(header), delimiter)
    where, first = next(found, (str(path), []))
    if first != list(header):
        said = delimiter.join(first)[:120] or "nothing"
        raise UserError(f"{where}: expected the header {delimiter.join(header)!r}, found {said!r}")
    yield from found


def columns(path: Path, names: Sequence[str], limit: float) -> NDArray[np.float64]:
    """Some columns of a csv with a header, whatever else it has: shape (rows, names), rows of at least one.

    Fields are separated by comma, semicolon or tab, whichever the header has; names are compared without case. Values
    of a column `time` are at least 0, all others lie within -limit and limit.
    """
    where, header = next(lines(path), (str(path), ""))
    delimiter = max(",;\t", key=header.count)
    found = [name.strip().lower() for name in header.split(delimiter)]
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{where}: expected a column {' and '.join(missing)}, found {', '.join(found)[:120] or 'none'}")
    ranges = {name: (0.0, 1e5) if name == "time" else (-limit, limit) for name in names}
    rows = [
        [number(fields[found.index(name)], *ranges[name], at, name) for name in names]
        for at, fields in list(records(path, len(found), delimiter))[1:]
    ]
    if not rows:
        raise UserError(f"{path} has a header and no rows; copy it again")
    return np.array(rows)


def numbers(path: Path) -> NDArray[np.float64]:
    """The rows of a text of two numbers a line, between blanks: seconds, and a value in [-1, 1]; at least one."""
    rows = []
    for where, line in lines(path):
        fields = line.split()
        if len(fields) != 2:
            raise UserError(f"{where}: expected seconds and a value between blanks, found {line[:60]!r}")
        rows.append([number(fields[0], 0, 1e5, where, "the time"), number(fields[1], -1, 1, where, "the value")])
    if not rows:
        raise UserError(f"{path} has no rows; copy it again")
    return np.array(rows)


def number(text: object, low: float, high: float, where: str, what: str) -> float:
    """A finite number in [low, high]."""
    try:
        value = float(str(text))
    except ValueError as error:
        raise UserError(f"{where}: {what} is {text!r}, expected a number") from error
    if not (isfinite(value) and low <= value <= high):
        raise UserError(f"{where}: {what} is {text}, expected a number in [{low:g}, {high:g}]")
    return value


def code(text: str, allowed: Collection[str], where: str, what: str) -> str:
    """One of the codes that a corpus uses."""
    if text not in allowed:
        raise UserError(f"{where}: {what} is {text!r}, expected one of {', '.join(allowed)}")
    return text


def box(fields: Sequence[object], where: str) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) in pixels with x0 < x1 and y0 < y1; it may reach beyond the image."""
    x0, y0, x1, y1 = (number(field, -1e5, 1e5, where, "a side of the box") for field in fields)
    if x0 >= x1 or y0 >= y1:
        raise UserError(f"{where}: the box {x0:g}, {y0:g}, {x1:g}, {y1:g} (left, top, right, bottom) is empty")
    return x0, y0, x1, y1


class Images:
    """The image files of a corpus; each folder is listed once, no image is opened."""

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}

    def find(self, folder: Path, name: str, where: str) -> Path:
        """The path of `name` (with `/` between folders) in `folder`, which it must not leave."""
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or not relative.name:
            raise UserError(f"{where}: {name!r} is not the name of an image inside {folder}")
        path = folder / relative
        if path.parent not in self._names:
            found = path.parent.iterdir() if path.parent.is_dir() else ()
            self._names[path.parent] = frozenset(entry.name for entry in found)
        if path.name not in self._names[path.parent]:
            raise UserError(f"{where}: there is no image {path}; copy it there, or remove the line")
        return path


def videos(root: Path) -> list[Path]:
    """The video files anywhere below `root`, sorted."""
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)


def video_named(name: str, found: Sequence[Path], where: str) -> Path:
    """The one video of that name."""
    named = [path for path in found if path.stem == name]
    if len(named) != 1:
        count = "has no video" if not named else f"has several videos, {' and '.join(map(str, named))}"
        raise UserError(
            f"{where}: {name} has labels, but {count}; exactly one video, such as {name}.mp4, must lie below the root"
        )
    return named[0]
