"""The sweep of smoothing widths, and that alignment takes the best of them."""

import csv
import json
import sys

import sweep_smoothing
from test_timeline import predictions, tracks

from abaw.tables.files import write_table
from abaw.tables.schemas import SCHEMAS
from abaw.timeline.alignment import frames_of
from abaw.timeline.rows import rows_of
from abaw.timeline.widths import best_smoothing

SWEEP = {"smoothing_s": 0.5, "smoothed": "logits", "sweep_s": [4.0, 0.0, 0.5], "width": "best"}
SWEEP |= {"filter": "hamming", "sweep_filters": []}


def run_sweep(monkeypatch, folder, settings=SWEEP):
    write_table("tracks", tracks(), folder / "tracks.parquet")
    table = predictions("va", {"a_left": 9, "b": 6})
    write_table("predictions_va", table, folder / "predictions.parquet", {"units": "value", "fitted_on": "train"})
    aligned = frames_of("va", table, rows_of(tracks()), 4.0)
    write_table("labels_va", aligned.cast(SCHEMAS["labels_va"]), folder / "labels.parquet")
    output = folder / "widths.csv"
    arguments = ["--task", "va", "--settings", json.dumps(settings), "--folds", "2", "--output", str(output)]
    for name in ("predictions", "tracks", "labels"):
        arguments += [f"--{name}", str(folder / f"{name}.parquet")]
    monkeypatch.setattr(sys, "argv", ["sweep_smoothing.py", *arguments])
    sweep_smoothing.main()
    return output


def test_the_sweep_finds_the_width_that_made_the_truth_and_alignment_takes_it(monkeypatch, tmp_path):
    path = run_sweep(monkeypatch, tmp_path)
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["smoothing_s"] for row in rows] == ["0.0", "0.5", "4.0"]
    assert [row["paper"] for row in rows] == ["0", "1", "0"]
    assert [row["best"] for row in rows] == ["0", "0", "1"]
    assert float(rows[2]["ccc_mean"]) == 1
    assert rows[0]["fitted_on"] == "train; width on val"
    assert best_smoothing(path) == ("hamming", 4.0)


def test_of_equal_widths_the_smallest_is_best(monkeypatch, tmp_path):
    path = run_sweep(monkeypatch, tmp_path, SWEEP | {"sweep_s": [0.01, 0.0], "smoothing_s": 0.02})
    assert best_smoothing(path) == ("hamming", 0.0)
