"""Label files of AffWild2: one line a frame after a header, with -5 (VA) and -1 (EXPR) where nothing was annotated."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from abaw.running.errors import UserError
from abaw.tables.schemas import SCHEMAS, labels
from abaw.tasks import EXPRESSIONS, TASKS, TaskName

HEADERS: dict[TaskName, str] = {"va": "valence,arousal", "expr": ",".join(EXPRESSIONS)}
_FOREIGN = re.compile(r"[^0-9eE.,+\- \t]")
"""What no number holds, though Python would read some of it as one: underscores, digits of other scripts, nan."""


def read_labels(path: Path, task: TaskName, sample: str) -> pa.Table:
    """Read one label file as a table `labels_{task}`: row k is frame k, counted from 1; nulls where not annotated.

    The header may have blanks around its commas and letters of either case, lines may end in LF or CRLF, and blank
    lines may end the file. Raises `UserError` that names the file, the line and the value for a wrong header, a
    malformed line, a value outside [-1, 1], a class outside 0..7, and -5 in one column only.
    """
    lines = _lines(path)
    if not lines or _plain(lines[0]) != _plain(HEADERS[task]):
        found = repr(lines[0][:80]) if lines else "nothing"
        raise UserError(f"{path}, line 1: must begin with the line {HEADERS[task]!r}; found {found}")
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
            yield _PARSERS[task](line)
        except ValueError as error:
            raise UserError(
                f"{path}, line {number}: expected {_EXPECTED[task]}, found {line[:80]!r}; get the file anew"
            ) from error
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error}") from error


def _va(line: str) -> tuple[float | None, float | None]:
    valence, arousal = (float(field) for field in line.split(","))
    if valence == arousal == -5:
        return None, None
    if not (-1 <= valence <= 1 and -1 <= arousal <= 1):
        raise UserError(f"{line[:80]!r} is outside [-1, 1]; only -5,-5 marks a frame without annotation")
    return valence, arousal


def _expr(line: str) -> tuple[int | None]:
    expression = int(line)
    if expression == -1:
        return (None,)
    if not 0 <= expression < len(EXPRESSIONS):
        raise UserError(f"the class {expression} is not in 0..{len(EXPRESSIONS) - 1}, nor -1 for no annotation")
    return (expression,)


_EXPECTED: dict[TaskName, str] = {"va": "two numbers, valence and arousal", "expr": "one class number"}
_PARSERS: dict[TaskName, Callable[[str], tuple[float | int | None, ...]]] = {"va": _va, "expr": _expr}
