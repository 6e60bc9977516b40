"""Contact sheets, by their command."""

import sys

import cv2
import draw_contact_sheet
import numpy as np
import pyarrow as pa
from skimage import data

from abaw.faces.crop import encode_crop
from abaw.faces.row import bare_row
from abaw.faces.sheet import CAPTION_PX, COLUMNS, TILE_PX, contact_sheet, thinned
from abaw.tables.files import write_table
from abaw.tables.schemas import SCHEMAS

CROP = encode_crop(np.ascontiguousarray(data.astronaut()[55:195, 155:255, ::-1]), 95)


def rows_of(sample, faces):
    """A row for each flag, five a second, with a crop where it is set; every third has no face mesh."""
    for k, has_face in enumerate(faces):
        seen = {"crop": CROP, "mouth_opening": None if k % 3 == 2 else 0.1} if has_face else {}
        yield bare_row(sample, 6 * k + 1, k / 5, bool(has_face)) | seen


def tile(sheet, line, column):
    """The crop and the caption of a tile; blocks have one caption line each."""
    top = CAPTION_PX + line * (TILE_PX + CAPTION_PX)
    part = sheet[top : top + TILE_PX + CAPTION_PX, column * TILE_PX : (column + 1) * TILE_PX].astype(int)
    return part[:TILE_PX], part[TILE_PX:]


def test_the_command_draws_every_row_and_marks_who_speaks(tmp_path, monkeypatch):
    rows = [*rows_of("a_left", [1] * 14 + [0] * 3), *rows_of("a_right", [1])]
    write_table("faces", pa.Table.from_pylist(rows, SCHEMAS["faces"]), tmp_path / "faces.parquet")
    runs = [{"sample": "a_left", "run": 0, "start_s": 0.5, "end_s": 1.1}]
    write_table("voiced", pa.Table.from_pylist(runs, SCHEMAS["voiced"]), tmp_path / "voiced.parquet")
    arguments = [f"--{name}={tmp_path / name}.parquet" for name in ("faces", "voiced")]
    monkeypatch.setattr(sys, "argv", ["draw_contact_sheet.py", *arguments, f"--output={tmp_path / 'sheet.png'}"])
    draw_contact_sheet.main()
    sheet = cv2.cvtColor(cv2.imread(str(tmp_path / "sheet.png")), cv2.COLOR_BGR2RGB)
    assert sheet.shape == (2 * CAPTION_PX + 3 * (TILE_PX + CAPTION_PX), COLUMNS * TILE_PX, 3)

    astronaut = cv2.resize(data.astronaut()[55:195, 155:255], (80, TILE_PX), interpolation=cv2.INTER_AREA)
    shown, _ = tile(sheet, 0, 0)
    assert np.abs(shown[:, 16:96] - astronaut).mean() < 4  # neither stretched nor of other colours
    greens = [bool((tile(sheet, 0, k)[1][..., 1] - tile(sheet, 0, k)[1][..., 0] > 60).any()) for k in range(12)]
    assert greens == [0.5 <= k / 5 < 1.1 for k in range(12)]
    no_face, _ = tile(sheet, 1, 3)
    assert np.ptp(no_face) == 0


def test_a_long_sample_is_thinned_and_an_empty_table_is_a_sheet():
    rows = list(rows_of("a", [0, 1] * 500))
    shown = thinned(pa.Table.from_pylist(rows, SCHEMAS["faces"]), most_tiles=100)
    assert (shown["a"].n_rows, shown["a"].n_faces, shown["a"].rows.tolist()) == (1000, 500, list(range(0, 1000, 10)))
    sheet = contact_sheet(shown, [rows[number] for number in shown["a"].rows], {})
    assert sheet.shape[0] == CAPTION_PX + 9 * (TILE_PX + CAPTION_PX)
    assert contact_sheet(thinned(SCHEMAS["faces"].empty_table()), [], {}).shape == (CAPTION_PX, COLUMNS * TILE_PX, 3)
