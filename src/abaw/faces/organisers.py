"""The organisers' crops as a source of faces: their JPEGs as they are, and the mouths in them (paper §3.2.1).

A track's folder holds 00001.jpg, 00002.jpg, ... by frame; a number that is missing is a frame without a face.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from abaw.faces.crop import decode_crop
from abaw.faces.mouth import MouthMeter
from abaw.faces.row import Row, bare_row
from abaw.media.video import VideoInfo, analysed_frames
from abaw.running.errors import UserError

_NAME = re.compile(r"(\d{5}|[1-9]\d{5,})\.jpg")
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Crops:
    """The organisers' crops of one track, by frame number from 1, and how many entries of their folder are none."""

    sample: str
    by_frame: Mapping[int, Path]
    n_strays: int

    @classmethod
    def of(cls, folder: Path) -> "Crops":
        """List the folder of a track, which has its sample's name; `UserError` where it holds no crop."""
        try:
            entries = list(folder.iterdir())
        except OSError as error:
            raise UserError(f"the folder of crops {folder} cannot be listed: {error.strerror}") from error
        named = {int(found[1]): path for path in entries if (found := _NAME.fullmatch(path.name))}
        named.pop(0, None)
        if not named:
            raise UserError(f"{folder} holds no crop such as 00001.jpg; unpack the organisers' archive again")
        return cls(folder.name, named, len(entries) - len(named))


def read_crops(info: VideoInfo, tracks: Sequence[Crops], rate_hz: float) -> Iterator[list[Row]]:
    """Yield for each analysed frame one row of the table `faces` per track, in their order, with a face or without.

    The frames are those that `abaw.media.video.sample_frames` takes of the video at `rate_hz`. Nothing of it is decoded
    and no crop is compressed again; there is no box, no score and no point. Raises `UserError` for a crop that is no
    JPEG.
    """
    meter = MouthMeter()
    for number, time_s in analysed_frames(info, rate_hz):
        yield [_row(track, number, time_s, meter) for track in tracks]


def _row(track: Crops, number: int, time_s: float, meter: MouthMeter) -> Row:
    path = track.by_frame.get(number)
    row = bare_row(track.sample, number, time_s, has_face=path is not None)
    if path is None:
        return row
    jpeg, rgb = _read(path)
    mouth = meter.measure(rgb)
    return row | {"crop": jpeg} | ({} if mouth is None else mouth.columns())


def _read(path: Path) -> tuple[bytes, np.ndarray]:
    """The bytes of a crop and its pixels (height x width x 3, uint8, RGB)."""
    try:
        jpeg = path.read_bytes()
        if not jpeg.startswith(_JPEG):
            raise ValueError("it does not begin like one")
        return jpeg, decode_crop(jpeg)
    except (OSError, ValueError, cv2.error) as error:
        raise UserError(
            f"the crop {path} cannot be read as a JPEG ({error}); unpack it again, or remove it: its frame then has no "
            "face"
        ) from error
