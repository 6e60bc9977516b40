"""The organisers' submission templates: which rows are asked for, and in which order.

A template names the rows: a header, then one `id/NNNNN.jpg` a line, frames 1 to N of each id in one run. What follows
the location, nothing or a dummy value, does not matter.
"""

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from abaw.running.errors import UserError
from abaw.tasks import TASKS, TaskName

_NAMED = r"(?P<sample>[^/\\,\"\s.][^/\\,\"\s]*)/(?P<frame>[0-9]{5,18})\.jpg"
_LOCATION = re.compile(_NAMED)
FRAME_DIGITS = 5


def read_template(path: str | PathLike[str], task: TaskName) -> list[str]:
    """The locations that a template (`*_sample.txt` or `*_example.txt`) asks for, verbatim and in order.

    Lines may end in LF or CRLF, and blank lines may end the file. Raises `UserError`, naming file, line and value,
    where the header or a location has another form, where an id comes in two runs, or where its frames are not 1, 2,
    3 ...
    """
    try:
        header, *lines = Path(path).read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the template {path} cannot be read ({error}); expected the organisers' text file") from error
    if header != TASKS[task].header:
        raise UserError(f"{path}, line 1: the header is {header!r}, expected {TASKS[task].header!r}")
    if not lines:
        raise UserError(f"{path} has a header and no row; expected one row for each frame")
    locations = [line.partition(",")[0] for line in lines]
    if not _in_order(locations):
        _check_each(path, locations)
    return locations


def template_rows(locations: Sequence[str]) -> dict[str, int]:
    """How many rows a template asks for, sample by sample in its order."""
    samples = pc.replace_substring_regex(pa.array(locations, pa.string()), "/.*", "")
    counts = samples.value_counts()
    return dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))


def _in_order(locations: Sequence[str]) -> bool:
    """Whether the locations, in plain characters, have the right form and order: a million in a second."""
    lines = pa.array(locations, pa.string())
    found = pc.extract_regex(lines, f"^{_NAMED}$")
    if found.null_count or not pc.all(pc.string_is_ascii(lines)).as_py():
        return False
    sample, digits = (pc.struct_field(found, name) for name in ("sample", "frame"))
    frame = pc.cast(digits, pa.int64())
    if not pc.utf8_lpad(pc.cast(frame, pa.string()), FRAME_DIGITS, "0").equals(digits):
        return False
    codes = sample.dictionary_encode()
    begins = np.flatnonzero(np.diff(codes.indices.to_numpy(), prepend=-1))
    first = np.repeat(begins, np.diff(begins, append=len(lines)))
    in_one_run = len(begins) == len(codes.dictionary)
    return in_one_run and bool((frame.to_numpy() == np.arange(len(lines)) - first + 1).all())


def _check_each(path: str | PathLike[str], locations: Sequence[str]) -> None:
    """Raise `UserError` for the first line that is wrong."""
    last: dict[str, int] = {}
    running = ""
    for number, location in enumerate(locations, start=2):
        try:
            sample, frame = _parts(location)
            _check_order(sample, frame, last.get(sample, 0), sample == running)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: {location!r} {error}; get the template anew") from error
        last[sample] = frame
        running = sample


def _parts(location: str) -> tuple[str, int]:
    match = _LOCATION.fullmatch(location)
    if match is None or match[2] != f"{int(match[2]):0{FRAME_DIGITS}d}":
        raise ValueError("is not a location, expected id/NNNNN.jpg with the frame number in five digits")
    return match[1], int(match[2])


def _check_order(sample: str, frame: int, last: int, running: bool) -> None:
    if 0 < frame <= last:
        raise ValueError(f"comes twice or out of order, expected frame {last + 1} of {sample}")
    if last and not running:
        raise ValueError(f"comes after another id's rows, expected all rows of {sample} in one run")
    if frame != last + 1:
        raise ValueError(f"leaves a gap, expected frame {last + 1} of {sample}")
