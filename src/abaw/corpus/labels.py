"""Label files of AffWild2: a line a frame after a header; -5 (values) or -1 where nothing was annotated."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from abaw.running.errors import UserError
from abaw.tables.schemas import SCHEMAS, labels
from abaw.tasks import TASKS, Kind, Task, TaskName

_FOREIGN = re.compile(r"[^0-9eE.,+\- \t]")
"""What no number holds, though Python would read some of it as one: underscores, digits of other scripts, nan."""


def read_labels(path: Path, task: TaskName, sample: str) -> pa.Table:
    """Read one label file as a table `labels_{task}`: row k is frame k, counted from 1; nulls where not annotated.

    The header may have blanks around its commas and letters of either case, lines may end in LF or CRLF, and blank
    lines may end the file. Raises `UserError` that names the file, the line and the value for a wrong header, a
    malformed line, a value outside [-1, 1], a class outside 0..7, a flag that is none, and -5 in one column only.
    """
    lines = _lines(path)
    if not lines or _plain(lines[0]) != _plain(TASKS[task].label_header):
        found = repr(lines[0][:80]) if lines else "nothing"
        raise UserError(f"{path}, line 1: must begin with the line {TASKS[task].label_header!r}; found {found}")
    values = list(_parsed(path, lines[1:], task))
    if not values:
        raise UserError(f"{path} has a header but no rows; each frame of the video needs a line")
    return _table(task, sample, list(zip(*values, strict=True)))


def unlabelled_rows(task: TaskName, sample: str, n_rows: int) -> pa.Table:
    """The rows that a template asks for of one sample, as a table `labels_{task}` without a label."""
    return _table(task, sample, [[None] * n_rows for _ in TASKS[task].labels])


def _table(task: TaskName, sample: str, columns: Sequence[Sequence[float | int | None]]) -> pa.Table:
    frames = range(1, len(columns[0]) + 1)
    keys = {"sample": [sample] * len(frames), "frame": list(frames)}
    return pa.table(keys | dict(zip(TASKS[task].labels, columns, strict=True)), SCHEMAS[labels(task)])


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the label file {path} cannot be read as text ({error}); expected UTF-8, get the file anew"
        ) from error
    return text.split("\n") if text else []


def _plain(header: str) -> list[str]:
    return [name.strip().lower() for name in header.split(",")]


def _parsed(path: Path, lines: Sequence[str], task: TaskName) -> Iterator[tuple[float | int | None, ...]]:
    for number, line in enumerate(lines, start=2):
        try:
            if _FOREIGN.search(line):
                raise ValueError
            yield _PARSERS[TASKS[task].kind](TASKS[task], line)
        except ValueError as error:
            raise UserError(
                f"{path}, line {number}: expected {_expected(TASKS[task])}, found {line[:80]!r}; get the file anew"
            ) from error
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error}") from error


def _values(task: Task, line: str) -> tuple[float | None, ...]:
    values = tuple(float(item) for item in line.split(","))
    if len(values) != len(task.labels):
        raise ValueError
    if set(values) == {-5}:
        return (None,) * len(values)
    if not all(-1 <= value <= 1 for value in values):
        nothing = ",".join(["-5"] * len(values))
        raise UserError(f"{line[:80]!r} is outside [-1, 1]; only {nothing} marks a frame without annotation")
    return values


def _classes(task: Task, line: str) -> tuple[int | None]:
    number, last = int(line), len(task.outputs) - 1
    if number == -1:
        return (None,)
    if not 0 <= number <= last:
        raise UserError(f"the class {number} is not in 0..{last}, nor -1 for no annotation")
    return (number,)


def _flags(task: Task, line: str) -> tuple[int | None, ...]:
    flags = tuple(int(item) for item in line.split(","))
    if len(flags) != len(task.labels):
        raise ValueError
    if not set(flags) <= {-1, 0, 1}:
        raise UserError(f"{line[:80]!r} has a number that is neither 0 nor 1, nor -1 for no annotation")
    return (None,) * len(flags) if -1 in flags else flags


def _expected(task: Task) -> str:
    """What a line of a label file holds, in words."""
    if task.kind == "classes":
        return "one class number"
    what = "numbers" if task.kind == "values" else "flags, 0 or 1"
    count = {2: "two"}.get(len(task.labels), str(len(task.labels)))
    return f"{count} {what}, {' and '.join(task.labels) if count == 'two' else ', '.join(task.labels)}"


_PARSERS: dict[Kind, Callable[[Task, str], tuple[float | int | None, ...]]] = {
    "values": _values,
    "classes": _classes,
    "flags": _flags,
}
