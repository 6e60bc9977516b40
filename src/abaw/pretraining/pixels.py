"""The pictures behind the table `pretraining`: image files, frames of videos, and rows of tables."""

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from abaw.media.video import frames_at
from abaw.running.errors import UserError

FER_SIDE_PX = 48
Row = dict[str, Any]


def read_pixels(rows: Sequence[Row], threads: int) -> Iterator[tuple[Row, np.ndarray]]:
    """Yield each row of the table `pretraining` with its picture, height x width x 3, uint8, BGR.

    Rows of one file stand together; of a video they come in the order of their times, in one decoding pass. An image's
    EXIF rotation is not applied: the annotators' boxes are of the stored pixels. Raises `UserError` where a file cannot
    be read or has no such row.
    """
    for path, together in groupby(rows, key=lambda row: row["path"]):
        of_file = list(together)
        if of_file[0]["time_s"] is not None:
            of_file.sort(key=lambda row: row["time_s"])
            frames = frames_at(path, [row["time_s"] for row in of_file], threads)
            yield from zip(of_file, (frame.bgr for frame in frames), strict=True)
        elif of_file[0]["row"] is not None:
            picture = _READERS[Path(path).suffix](path)
            yield from ((row, picture(row["row"])) for row in of_file)
        else:
            picture_of_file = _decoded(_bytes(path), path)
            yield from ((row, picture_of_file) for row in of_file)


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"the image {path} cannot be read: {error}; copy it again") from error


def _decoded(data: bytes, where: str) -> np.ndarray:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if picture is None:
        raise UserError(f"{where} is no image ({len(data)} bytes); copy it again, or leave it out of the labels")
    return picture


def _parquet(path: str) -> Callable[[int], np.ndarray]:
    """Pictures of a Parquet with encoded images in its column jpeg, by row from 1."""
    try:
        column = pq.read_table(path, columns=["jpeg"])["jpeg"]
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} cannot be read as Parquet: {error}; copy it again") from error

    def picture(row: int) -> np.ndarray:
        where = f"{path}, row {row}"
        if row > len(column):
            raise UserError(f"{where}: the table ends with row {len(column)}; make the table of labels again")
        return _decoded(column[row - 1].as_py() or b"", where)

    return picture


def _csv(path: str) -> Callable[[int], np.ndarray]:
    """Pictures of FER2013's csv, whose column pixels has 48 x 48 grey values between blanks, by row from 1."""
    csv.field_size_limit(sys.maxsize)
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as handle:
            texts = [fields["pixels"] for fields in csv.DictReader(handle)]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise UserError(f"{path} cannot be read as a csv with a column pixels: {error}; copy it again") from error

    def picture(row: int) -> np.ndarray:
        where = f"{path}, row {row}"
        if row > len(texts):
            raise UserError(f"{where}: the table ends with row {len(texts)}; make the table of labels again")
        fields = texts[row - 1].split()
        try:
            grey = np.array(fields, np.uint8).reshape(FER_SIDE_PX, FER_SIDE_PX)
        except (ValueError, OverflowError) as error:
            raise UserError(
                f"{where}: pixels has {len(fields)} values, expected {FER_SIDE_PX**2} from 0 to 255; copy it again"
            ) from error
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)

    return picture


_READERS = {".parquet": _parquet, ".csv": _csv}
