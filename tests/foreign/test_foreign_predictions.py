"""Predictions that other programs have written: brought into our form, or refused in a sentence that names the row."""

import csv
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import import_predictions
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.special import softmax

from abaw.foreign.predictions import Asked, foreign_predictions
from abaw.foreign.reading import find_table
from abaw.running.errors import UserError
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.provenance import also_chosen, fused
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS
from abaw.timeline.alignment import frames_of
from abaw.timeline.rows import Rows

FPS, ROWS = Fraction(25), 250
ASKED = {name: Asked(Rows(name, ROWS, FPS), ROWS, 10.0) for name in ("102", "b_left")}


def write_csv(path, rows, header):
    """As any program writes a CSV."""
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def per_frame(fps=25, seconds=10.0, first=1, shift_s=0.0):
    """Valence and arousal of each frame of a video that another program has read at `fps`."""
    n = round(fps * seconds)
    rows = []
    for name in ASKED:
        for k in range(n):
            t = k / fps + shift_s
            rows.append([name, k + first, np.sin(t) / 2, np.cos(t) / 2])
    return rows


def windows(step_s=1.0, width_s=2.0, shift_s=0.0, end_s=10.0):
    starts = np.arange(0, end_s - width_s + 1e-9, step_s) + shift_s
    return [[name, s, s + width_s, np.sin(s) / 2, np.cos(s) / 2] for name in ASKED for s in starts]


FRAME_HEADER = ["sample", "frame", "valence", "arousal"]
SPAN_HEADER = ["sample", "start_s", "end_s", "valence", "arousal"]


def read(path, task="va", skipped=(), max_gap_s=2.0):
    return foreign_predictions(task, path, ASKED, skipped, max_gap_s)


def test_a_value_a_frame_comes_back_at_its_row(tmp_path):
    path = write_csv(tmp_path / "va_val.csv", per_frame(), FRAME_HEADER)
    table = read(path)
    assert table.column_names == SPAN_HEADER
    frames = frames_of("va", table, [ASKED["b_left"].rows], 0.0)
    np.testing.assert_allclose(frames["valence"].to_numpy(), np.sin(np.arange(ROWS) / 25) / 2, atol=1e-6)


def test_files_of_a_script_that_knows_nothing_of_us(tmp_path):
    script = Path(__file__).with_name("their_predictions.py")
    subprocess.run([sys.executable, script, tmp_path / "theirs"], check=True)
    rows = [asked.rows for asked in ASKED.values()]
    values = frames_of("va", read(find_table(tmp_path / "theirs", "va_val")), rows, 0.0)
    expected = np.tile(np.sin(np.arange(ROWS) / 25) / 2, 2)
    np.testing.assert_allclose(values["valence"].to_numpy(), expected, atol=1e-6)
    classes = frames_of("expr", read(find_table(tmp_path / "theirs", "expr_val"), "expr"), rows, 0.0)
    said = np.column_stack([classes[name].to_numpy() for name in TASKS["expr"].outputs]).reshape(2, ROWS, 8)
    for start_s in range(9):  # at the middle of each window it is the window's own class
        assert said[:, round(25 * (start_s + 1))].argmax(axis=1).tolist() == [start_s % 8] * 2


def test_windows_and_parquet_in_any_order_of_columns_and_rows(tmp_path):
    rows = pd.DataFrame(windows(), columns=SPAN_HEADER)
    path = write_csv(tmp_path / "va_val.csv", windows(), SPAN_HEADER)
    shuffled = rows.sample(frac=1, random_state=1)[["arousal", "end_s", "sample", "valence", "start_s"]]
    shuffled.to_parquet(tmp_path / "va_test.parquet")
    assert read(path).equals(read(tmp_path / "va_test.parquet"))


def test_probabilities_and_logits_are_told_apart_and_mean_the_same(tmp_path):
    logits = np.random.default_rng(0).normal(0, 2, (2 * ROWS, 8))
    found = []
    for name, values in (("logits", logits), ("probabilities", softmax(logits, axis=1))):
        keys = pd.DataFrame({"sample": np.repeat(list(ASKED), ROWS), "frame": np.tile(np.arange(1, ROWS + 1), 2)})
        keys[list(TASKS["expr"].outputs)] = values
        path = tmp_path / f"{name}.csv"
        keys.to_csv(path, index=False)
        table = read(path, "expr")
        found.append(softmax(np.column_stack([table[c].to_numpy() for c in TASKS["expr"].outputs]), axis=1))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (per_frame(seconds=4), FRAME_HEADER, "says nothing of the seconds 3.96 to 9.96 of the sample 102"),
        (windows(end_s=6.0), SPAN_HEADER, "says nothing of the seconds 6.00 to 9.96 of the sample 102"),
        (windows(shift_s=1.0), SPAN_HEADER, "line 10, is for the seconds 9 to 11 of the sample 102, expected seconds"),
        (windows(shift_s=-1.0), SPAN_HEADER, "line 2, is for the seconds -1 to 1 of the sample 102"),
        (per_frame(first=0), FRAME_HEADER, "line 2, is for frame 0 of the sample 102, expected whole numbers from 1"),
        (per_frame(fps=30), FRAME_HEADER, "line 252, is for frame 251 of the sample 102, expected whole numbers"),
        (per_frame(fps=15), FRAME_HEADER, "says nothing of the seconds 5.96 to 9.96 of the sample 102, whose rows"),
        ([*per_frame(), ["video9", 1, 0, 0]], FRAME_HEADER, "line 502, is for the sample video9, which this split"),
        (per_frame()[:ROWS], FRAME_HEADER, "has no prediction for the sample b_left, expected some of each of the 2"),
        ([["102", 1, "nan", 0], *per_frame()[1:]], FRAME_HEADER, "line 2, has nan as valence, expected a finite"),
        ([["102", 1, "", 0], *per_frame()[1:]], FRAME_HEADER, "line 2, has no valence, expected a number"),
        ([["102", 1, "high", 0], *per_frame()[1:]], FRAME_HEADER, "has text or the like in its column valence"),
        (per_frame() + per_frame()[7:9], FRAME_HEADER, "line 502, is for frame 8 of the sample 102, as is a row"),
        (windows() * 2, SPAN_HEADER, "line 20, is for the seconds 0 to 2 of the sample 102, as is another row"),
        ([["102", 2, 1, 0, 0], *windows()], SPAN_HEADER, "expected an end that is not before its start"),
        ([["102", 1, 1.5, 0], *per_frame()[1:]], FRAME_HEADER, "line 2, has the outputs 1.5, 0; expected valence"),
        (per_frame(), ["sample", "frame", "valence", "energy"], "has no column arousal, expected sample, frame, val"),
        (per_frame(), ["video", "frame", "valence", "arousal"], "expected sample, then start_s, end_s or frame, then"),
        ([[*row, 1] for row in per_frame()], [*FRAME_HEADER, "age"], "has a column age, which has no meaning here"),
        ([[k, *row] for k, row in enumerate(per_frame())], ["", *FRAME_HEADER], "has a column without a name, as"),
        ([], FRAME_HEADER, "has no row; expected predictions of every sample"),
    ],
)
def test_what_cannot_be_right_is_a_sentence(tmp_path, rows, header, said):
    path = write_csv(tmp_path / "va_val.csv", rows, header)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_probabilities_that_do_not_sum_to_one_are_neither(tmp_path):
    rows = [["102", k, *[0.3] * 8] for k in range(1, ROWS + 1)]
    path = write_csv(tmp_path / "expr_val.csv", rows, ["sample", "frame", *TASKS["expr"].outputs])
    with pytest.raises(UserError, match="probabilities that sum to 1"):
        read(path, "expr")


def test_instants_of_overlapping_windows_are_averaged_and_a_wider_gap_can_be_allowed(tmp_path):
    rows = [[name, t, t, v, v] for name in ASKED for t in np.arange(0, 10, 1.0) for v in (0.2, 0.4)]
    found = frames_of("va", read(write_csv(tmp_path / "va_val.csv", rows, SPAN_HEADER)), [ASKED["102"].rows], 0.0)
    np.testing.assert_allclose(found["valence"].to_numpy(), 0.3, atol=1e-6)
    short = write_csv(tmp_path / "va_test.csv", per_frame(seconds=4), FRAME_HEADER)
    assert len(read(short, max_gap_s=6.0)) == 200


def test_rows_of_videos_that_cannot_be_read_are_left_out(tmp_path):
    path = write_csv(tmp_path / "va_val.csv", [*per_frame(), ["broken", 1, 0, 0]], FRAME_HEADER)
    assert set(read(path, skipped=["broken"])["sample"].to_pylist()) == set(ASKED)


def test_a_file_that_is_no_table_and_one_that_is_missing(tmp_path):
    (tmp_path / "va_val.parquet").write_bytes(b"no table")
    with pytest.raises(UserError, match="cannot be read as a table"):
        read(find_table(tmp_path, "va_val"))
    with pytest.raises(UserError, match=r"has no va_test.parquet or va_test.csv, expected one"):
        find_table(tmp_path, "va_test")
    (tmp_path / "va_val.csv").write_text("sample\n")
    with pytest.raises(UserError, match="has both"):
        find_table(tmp_path, "va_val")
    with pytest.raises(UserError, match="there is no folder"):
        find_table(tmp_path / "nowhere", "va_val")


def test_the_command_writes_a_table_that_says_where_it_comes_from(tmp_path, monkeypatch):
    given = write_csv(tmp_path / "va_val.csv", per_frame(), FRAME_HEADER)
    track = {"path": "p", "fps_num": 25, "fps_den": 1, "n_frames": ROWS, "n_rows": ROWS, "duration_s": 10.0}
    track |= {"has_audio": True, "problems": "", "side": None, "frame_times_s": None}
    rows = [track | {"sample": name, "video": name} for name in ASKED]
    write_table("tracks", pa.Table.from_pylist(rows, schema=SCHEMAS["tracks"]), tmp_path / "tracks.parquet")
    settings = json.dumps({"predictions": str(tmp_path)})
    arguments = ["--task", "va", "--given", given, "--tracks", tmp_path / "tracks.parquet", "--settings", settings]
    arguments += ["--output", tmp_path / "out.parquet"]
    monkeypatch.setattr(sys, "argv", ["import_predictions.py", *map(str, arguments)])
    import_predictions.main()
    assert len(read_table("predictions_va", tmp_path / "out.parquet")) == 2 * ROWS
    said = read_metadata(tmp_path / "out.parquet")
    assert said["units"] == "value"
    assert also_chosen(said["fitted_on"], "width") == "brought; on what it was fitted is not known; width on val"
    assert fused(["train; epoch on val", said["fitted_on"]], "weights on val") == (
        "train; epoch on val; brought; on what it was fitted is not known; weights on val"
    )
