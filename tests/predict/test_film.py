"""Rows of a film: the frames that a player shows, each at its own time, whatever the container's clock is."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import predict_film as script
import pytest
from clips import ffmpeg, write_numbered
from small_bundle import write

from abaw.config import ComputeConfig
from abaw.media.video import probe
from abaw.predict.film import NOBODY, Film, predict_film
from abaw.tables.files import write_table
from abaw.tables.schemas import SCHEMAS

HEAVY = {"sklearn", "scipy.stats", "scipy.optimize", "timm", "transformers"}
COMPUTE = ComputeConfig(device="cpu", threads=1, deterministic=True)


def test_to_predict_takes_no_library_that_only_fits_models():
    """Each is a part of a second or more of every video's job; nothing but models that learn asks for them."""
    code = f"import abaw.predict.film, sys; print(*({HEAVY} & sys.modules.keys()))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == []


def film(path, folder, span_s=(0.0, float("inf"))):
    """A film in which nobody is seen: no model is asked."""
    for kind in ("faces", "voiced"):
        write_table(kind, SCHEMAS[kind].empty_table(), folder / f"{kind}.parquet")
    return Film("film", probe(path), folder / "faces.parquet", folder / "voiced.parquet", None, span_s, 5.0)


def shown_s(path):
    """When the packets of a file are shown, after the first, in seconds; those that its edit list drops are not."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stamps = sorted(
            packet.pts * stream.time_base
            for packet in container.demux(stream)
            if packet.pts is not None and not packet.is_discard
        )
    return [float(stamp - stamps[0]) for stamp in stamps]


def steady(rate):
    return lambda folder: write_numbered(folder / "film.mp4", 60, Fraction(rate))


def variable(folder):
    pts = np.cumsum([0, *np.random.default_rng(3).integers(1, 9, 59)]).tolist()
    return write_numbered(folder / "film.mp4", 60, Fraction(90), pts=pts)


def late(folder):
    path = write_numbered(folder / "whole.mp4", 60, Fraction(25))
    ffmpeg("-i", path, "-c", "copy", "-output_ts_offset", "1.7", folder / "film.mkv")
    return folder / "film.mkv"


def edited(folder):
    """A cut between two key frames: the file holds frames that its edit list drops."""
    path = write_numbered(folder / "whole.mp4", 100, Fraction(30000, 1001), encoder={"g": "30"})
    ffmpeg("-ss", "1.4", "-i", path, "-c", "copy", folder / "film.mp4")
    return folder / "film.mp4"


@pytest.mark.parametrize(
    "make",
    [steady("24000/1001"), steady("30000/1001"), variable, late, edited],
    ids=["23.976", "29.97", "variable", "late", "edited"],
)
def test_every_frame_that_is_shown_has_a_row_at_its_time_to_a_millisecond(tmp_path, make):
    path = make(tmp_path)
    found = predict_film(film(path, tmp_path), write(tmp_path / "bundle"), COMPUTE)
    expected = shown_s(path)
    assert found.table["frame"].to_pylist() == list(range(1, len(expected) + 1))
    assert found.table["time_s"].to_numpy() == pytest.approx(expected, abs=1e-3)
    assert found.table["subject"].unique().to_pylist() == [1]
    assert NOBODY in found.problems({}, ())


def test_from_and_to_keep_numbers_and_times(tmp_path):
    path = steady("25")(tmp_path)
    found = predict_film(film(path, tmp_path, (0.5, 1.0)), write(tmp_path / "bundle"), COMPUTE)
    assert found.table["frame"].to_pylist() == list(range(14, 26))  # 0.52 s to 0.96 s
    assert found.about["frames"] == 12
    nothing = predict_film(film(path, tmp_path, (50.0, 60.0)), tmp_path / "bundle", COMPUTE)
    assert nothing.table.schema == SCHEMAS["people"] and len(nothing.table) == 0
    said = nothing.problems({}, ())
    assert "no frame is in the span that was asked for: the video ends at 2.40 s" in said and NOBODY not in said


def test_what_was_decided_is_said(tmp_path):
    path = variable(tmp_path)
    oftener = replace(film(path, tmp_path), rate_hz=10.0)
    found = predict_film(oftener, write(tmp_path / "bundle"), COMPUTE)
    said = found.problems({"broken": "it breaks at 1.2 s"}, ())
    assert said[0] == "it breaks at 1.2 s" and NOBODY in said
    assert NOBODY not in found.problems({"left_out": "nobody's for long enough"}, ())
    assert "no audio stream: silence is taken" in said
    assert "variable frame rate: every frame counts at its own time" in said
    assert any("10 times a second, where the models were trained on 5" in one for one in said)


@pytest.mark.parametrize("more", [0, 7])
def test_of_a_video_that_grew_while_it_was_read_its_metadata_says_so(tmp_path, monkeypatch, more):
    path = steady("25")(tmp_path)
    planned = path.stat().st_size
    with path.open("ab") as handle:
        handle.write(bytes(more))
    film(path, tmp_path)
    write(tmp_path / "bundle")
    (tmp_path / "digest").write_text(f"{'0' * 64}  film.mp4\n")
    words = ["--film", "film", "--video", path, "--planned-bytes", planned, "--digest", tmp_path / "digest"]
    words += ["--faces", tmp_path / "faces.parquet", "--voiced", tmp_path / "voiced.parquet"]
    words += ["--bundle", tmp_path / "bundle", "--from-s", 0, "--to-s", "--fps", 5, "--settings", "{}"]
    words += ["--compute", COMPUTE.model_dump_json()]
    words += ["--frames", tmp_path / "f.parquet", "--csv", tmp_path / "f.csv", "--metadata", tmp_path / "m.json"]
    monkeypatch.setattr("sys.argv", ["predict_film", *map(str, words)])
    script.main()
    said = [one for one in json.loads((tmp_path / "m.json").read_text())["problems"] if "changed" in one]
    sentence = f"the file changed while it was read, from {planned} to {planned + more} bytes: predict it again"
    assert [one.startswith(sentence) for one in said] == [True] * bool(more)
