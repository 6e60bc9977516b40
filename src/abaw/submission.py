"""Submission files in the organisers' form, written only where they match the organisers' template.

`predictions_text` writes the locations of a template (`abaw.corpus.template`) in the same order, with values;
`check_predictions` holds a finished text against the template once more, knowing nothing of how it was made.
"""

import re
import zipfile
from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike

from abaw.corpus.template import template_rows
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tables.arrays import frames_table, matrix
from abaw.tasks import TASKS, TaskName

_VALUE = r"-?(?:0\.[0-9]{6}|1\.000000)"


def _form(task: TaskName) -> tuple[re.Pattern[str], str]:
    """The fields of a row, and the same in words."""
    n = len(TASKS[task].outputs)
    if TASKS[task].kind == "values":
        return re.compile(",".join([_VALUE] * n)), f"{'two' if n == 2 else n} values with six decimals in [-1, 1]"
    if TASKS[task].kind == "flags":
        return re.compile(",".join(["[01]"] * n)), f"{n} flags, 0 or 1"
    return re.compile("|".join(map(str, range(n)))), f"one class from 0 to {n - 1}"


def prior_frames(task: TaskName, rows: Mapping[str, int], labels: pa.Table) -> pa.Table:
    """What is said of samples whose video cannot be read: on every row the prior of `labels`, as a frames table.

    That is the mean of values, the share of each class or flag. `rows` gives the number of rows of each sample.
    Raises `UserError` where nothing is labelled.
    """
    known = matrix(labels, TASKS[task].labels)
    known = known[~np.isnan(known).any(axis=1)]
    if not len(known):
        raise UserError(f"no row of the training split of {task} has a label; the rows of skipped videos need some")
    prior = known.mean(axis=0)
    if TASKS[task].kind == "classes":
        prior = np.bincount(known[:, 0].astype(int), minlength=len(TASKS[task].outputs)) / len(known)
    samples = np.repeat(np.array(list(rows), object), list(rows.values()))
    frames = np.concatenate([np.arange(1, n_rows + 1) for n_rows in rows.values()])
    return frames_table(task, pa.table({"sample": samples, "frame": frames}), np.tile(prior, (len(frames), 1)))


def predictions_text(task: TaskName, locations: Sequence[str], frames: pa.Table) -> str:
    """The text of a submission: one row for each of the `locations`, in their order, with the values of `frames`.

    Values have six decimals, never -0; of classes it is the one with the largest score, the first of equals; of flags a
    1 for those whose probability is a half or more. `frames` is a frames table of `task` with exactly the template's
    rows, in any order. Raises `UserError`, naming sample and frame, where rows are missing, doubled or unknown, or
    where a value is not finite or not in [-1, 1].
    """
    samples = template_rows(locations)
    values = np.empty((len(locations), len(TASKS[task].outputs)))
    values[_positions(samples, frames)] = matrix(frames, TASKS[task].outputs)
    _require(np.isfinite(values), locations, values, "finite numbers")
    if TASKS[task].kind == "values":
        _require(np.abs(values) <= 1, locations, values, "values in [-1, 1]")
        fields = [",".join(f"{value:z.6f}" for value in row) for row in values.tolist()]
    elif TASKS[task].kind == "flags":
        fields = [",".join(map(str, row)) for row in (values >= 0.5).astype(int).tolist()]
    else:
        fields = [str(index) for index in values.argmax(axis=1).tolist()]
    rows = [f"{location},{field}" for location, field in zip(locations, fields, strict=True)]
    return "\n".join([TASKS[task].header, *rows, ""])


def check_predictions(text: str, locations: Sequence[str], task: TaskName) -> None:
    """Raise `UserError`, naming the line, where a finished `text` is no submission for the `locations`."""
    if "\r" in text or not text.endswith("\n"):
        raise UserError("the predictions must end each line, the last one too, with a single line feed")
    header, *rows = text.removesuffix("\n").split("\n")
    if header != TASKS[task].header:
        raise UserError(f"line 1 of the predictions is {header!r}, expected {TASKS[task].header!r}")
    if not _all_right(rows, locations, task):
        _check_each(rows, locations, task)


def _all_right(rows: Sequence[str], locations: Sequence[str], task: TaskName) -> bool:
    """Whether each row is its location and fields of the right form: a million in a second."""
    if len(rows) != len(locations):
        return False
    lines = pa.array(rows, pa.string())
    found = pc.replace_substring_regex(lines, ",.*", "")
    formed = pc.match_substring_regex(lines, f"^[^,]*,(?:{_form(task)[0].pattern})$")
    return found.equals(pa.array(locations, pa.string())) and pc.all(formed).as_py()


def _check_each(rows: Sequence[str], locations: Sequence[str], task: TaskName) -> None:
    """Raise `UserError` for the first row that is wrong."""
    form, expected = _form(task)
    for number, (row, location) in enumerate(zip(rows, locations, strict=False), start=2):
        found, _, fields = row.partition(",")
        if found != location:
            raise UserError(f"line {number} of the predictions is for {found!r}, the template has {location!r}")
        if form.fullmatch(fields) is None:
            raise UserError(f"line {number} of the predictions has {fields!r}, expected {expected}")
    if len(rows) != len(locations):
        raise UserError(f"the predictions have {len(rows)} rows, the template has {len(locations)}")


def write_zip(path: str | PathLike[str], files: Mapping[str, str]) -> None:
    """Write the texts of `files` (name to text) as a zip; the same texts give the same bytes each time."""
    with whole_file(path) as beside, zipfile.ZipFile(beside, "w") as archive:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.encode(), zipfile.ZIP_DEFLATED, compresslevel=9)


def _positions(samples: Mapping[str, int], frames: pa.Table) -> np.ndarray:
    """Where in the template each row of `frames` belongs: a permutation of the template's rows, else `UserError`."""
    code = pc.index_in(frames["sample"], pa.array(list(samples), pa.string())).fill_null(-1).to_numpy()
    frame = frames["frame"].to_numpy().astype(np.int64)
    n_rows = np.array(list(samples.values()))
    first = np.cumsum(n_rows) - n_rows
    if (row := _first(code < 0)) is not None:
        raise UserError(
            f"there are predictions for the sample {frames['sample'][row]}, which the template does not have"
        )
    if (row := _first((frame < 1) | (frame > n_rows[code]))) is not None:
        raise UserError(
            f"there is a prediction for frame {frame[row]} of the sample {frames['sample'][row]}, of which the "
            f"template has the frames 1 to {n_rows[code[row]]}"
        )
    position = first[code] + frame - 1
    times = np.bincount(position, minlength=n_rows.sum())
    if (row := _first(times[position] > 1)) is not None:
        raise UserError(
            f"there are {times[position[row]]} predictions for frame {frame[row]} of the sample "
            f"{frames['sample'][row]}, expected one"
        )
    if (missing := _first(times == 0)) is not None:
        index = int(np.searchsorted(first, missing, side="right")) - 1
        raise UserError(
            f"there is no prediction for frame {missing - first[index] + 1} of the sample {list(samples)[index]}, "
            "expected one for each row of the template"
        )
    return position


def _require(right: np.ndarray, locations: Sequence[str], values: np.ndarray, expected: str) -> None:
    if (row := _first(~right.all(axis=1))) is not None:
        raise UserError(f"the prediction for {locations[row]} is {values[row].tolist()}, expected {expected}")


def _first(mask: ArrayLike) -> int | None:
    places = np.flatnonzero(mask)
    return int(places[0]) if len(places) else None
