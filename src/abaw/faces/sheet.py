"""Contact sheets: all crops of a faces table in one picture, to be looked at."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from abaw.faces.crop import decode_crop
from abaw.tables.arrays import rows_by_sample

TILE_PX, CAPTION_PX, COLUMNS = 112, 16, 12
_BACKGROUND, _EMPTY, _TEXT, _SPEAKS = 24, 60, (220, 220, 220), (90, 200, 90)
Picture = NDArray[np.uint8]
Runs = Sequence[tuple[float, float]]


class Shown(NamedTuple):
    """How many rows a sample has, how many of them with a face, and the numbers of those that a sheet shows."""

    n_rows: int
    n_faces: int
    rows: NDArray[np.int64]


def thinned(keys: pa.Table, most_tiles: int = 480) -> dict[str, Shown]:
    """What a sheet shows of each sample: of more than `most_tiles` rows every n-th, so that the rest fit.

    `keys` are the columns sample and has_face of a `faces` table.
    """
    has_face = keys["has_face"].to_numpy()
    return {
        sample: Shown(len(rows), int(has_face[rows].sum()), rows[:: ceil(len(rows) / most_tiles)])
        for sample, rows in rows_by_sample(keys["sample"]).items()
    }


def contact_sheet(shown: Mapping[str, Shown], rows: Iterable[Mapping[str, Any]], voiced: Mapping[str, Runs]) -> Picture:
    """A picture (height x width x 3, uint8, RGB) a block for each sample, a tile for each of the rows shown.

    Under each crop stand the frame's number and the mouth's opening, `-` where no face mesh was found; the caption is
    green where the sample speaks by its runs in `voiced` (seconds). Rows without a face are grey.
    """
    by_sample: dict[str, list[Picture]] = {sample: [] for sample in shown}
    for row in rows:
        by_sample[row["sample"]].append(_tile(row, voiced.get(row["sample"], ())))
    blocks = []
    for sample, tiles in by_sample.items():
        n_rows, n_faces, drawn = shown[sample]
        step = ceil(n_rows / len(drawn))
        thin = f", every {step}th shown" if step > 1 else ""
        blocks.append(_caption(f"{sample}: {n_faces} of {n_rows} rows have a face{thin}", TILE_PX * COLUMNS, _TEXT))
        tiles += [np.full_like(tiles[0], _BACKGROUND)] * (-len(tiles) % COLUMNS)
        blocks += [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    return np.vstack(blocks) if blocks else _caption("no row", TILE_PX * COLUMNS, _TEXT)


def _tile(row: Mapping[str, Any], runs: Runs) -> Picture:
    image = np.full((TILE_PX, TILE_PX, 3), _BACKGROUND if row["has_face"] else _EMPTY, np.uint8)
    text = str(row["frame"])
    if row["has_face"]:
        crop = decode_crop(row["crop"])
        scale = TILE_PX / max(crop.shape)
        width, height = (max(1, round(side * scale)) for side in crop.shape[1::-1])
        top, left = (TILE_PX - height) // 2, (TILE_PX - width) // 2
        image[top : top + height, left : left + width] = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
        text += "  -" if row["mouth_opening"] is None else f"  {row['mouth_opening']:.2f}"
    speaks = any(start_s <= row["time_s"] < end_s for start_s, end_s in runs)
    return np.vstack([image, _caption(text, TILE_PX, _SPEAKS if speaks else _TEXT)])


def _caption(text: str, width_px: int, colour: tuple[int, int, int]) -> Picture:
    strip = np.full((CAPTION_PX, width_px, 3), _BACKGROUND, np.uint8)
    cv2.putText(strip, text, (3, CAPTION_PX - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
    return strip
