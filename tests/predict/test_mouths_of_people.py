"""Mouths that are measured in the pass that finds the people: those that a second pass would find."""

import json
from fractions import Fraction
from pathlib import Path

import cv2
import find_people
import measure_mouths
import numpy as np
import pytest
import skimage.data
import yaml
from clips import write_clip
from runs import ROOT

from abaw.faces.mouth import MouthMeter
from abaw.tables.files import read_table

FACES = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["faces"]
SETTINGS = FACES | {"crop_side_px": 112, "detect_every_s": 0.6}


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """A woman who drifts across the picture at 29.97 frames a second, is gone for a second, and is back elsewhere."""
    photo = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR)[:360]
    moves = [np.float32([[1, 0, -2 * k], [0, 1, 0]]) for k in range(40)]
    drifting = [cv2.warpAffine(photo, move, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE) for move in moves]
    nobody = [np.full_like(photo, (20, 30, 160))] * 31
    back = [np.roll(frame, 90, axis=1) for frame in drifting[:36]]
    folder = tmp_path_factory.mktemp("film")
    frames = drifting + nobody + back
    return write_clip(folder / "film.mp4", frames, Fraction(30000, 1001), encoder={"crf": "10"})


def followed(monkeypatch, film, folder, subjects="all", rate_hz=10.0, span=(0.0, None), every_s=0.6):
    """The tables of faces and of mouths, of one pass."""
    tables = folder / "faces.parquet", folder / "mouths.parquet"
    words = [
        "--video",
        film,
        "--subjects",
        json.dumps(subjects),
        "--settings",
        json.dumps(SETTINGS | {"detect_every_s": every_s}),
    ]
    words += ["--compute", json.dumps({"device": "cpu", "threads": 1, "deterministic": True}), "--threads", 1]
    words += ["--mouths-hz", rate_hz, "--faces", tables[0], "--mouths", tables[1]]
    words += ["--from-s", span[0], "--to-s", *([span[1]] if span[1] else [])]
    monkeypatch.setattr("sys.argv", ["find_people", *map(str, words)])
    find_people.main()
    return read_table("faces", tables[0]), read_table("mouths", tables[1])


def again(monkeypatch, film, folder, rate_hz):
    """The mouths of a second pass, out of the table of faces: (opening by subject and frame)."""
    path = folder / "again.parquet"
    words = ["--video", film, "--faces", folder / "faces.parquet", "--rate-hz", rate_hz, "--threads", 1]
    words += ["--margin-px", FACES["margin_px"], "--on-unreadable", "stop", "--output", path]
    monkeypatch.setattr("sys.argv", ["measure_mouths", *map(str, words)])
    measure_mouths.main()
    return openings(read_table("mouths", path))


def openings(table):
    return {(row["sample"], row["frame"]): row["mouth_opening"] for row in table.to_pylist()}


@pytest.mark.parametrize(("every_s", "apart"), [(None, 0.005), (0.6, 0.04)], ids=["sought", "laid"])
@pytest.mark.parametrize("rate_hz", [10.0, 7.0])
def test_in_between_they_are_nearly_those_of_a_second_pass(film, monkeypatch, tmp_path, rate_hz, every_s, apart):
    faces, mouths = followed(monkeypatch, film, tmp_path, rate_hz=rate_hz, every_s=every_s)
    found, known = openings(mouths), again(monkeypatch, film, tmp_path, rate_hz)
    analysed = {(row["sample"], row["frame"]): row for row in faces.select(["sample", "frame", "has_face"]).to_pylist()}
    assert found.keys() <= known.keys()
    assert len({frame for _, frame in found} - {frame for _, frame in analysed}) > 10
    assert {subject for subject, _ in found} == {"1", "2"}
    for key, opening in found.items():
        assert (opening is None) == (known[key] is None)
        assert opening is None or opening == pytest.approx(known[key], abs=apart), key
    missing = {key for key, opening in known.items() if opening is not None} - found.keys()
    assert all(key not in analysed and key[1] < min(frame for one, frame in found if one == key[0]) for key in missing)


def test_the_mesh_is_laid_where_faces_are_and_hardly_ever_sought(film, monkeypatch, tmp_path):
    sought, counted = MouthMeter._sought, []
    monkeypatch.setattr(MouthMeter, "_sought", lambda *image: counted.append(1) or sought(*image))
    _, mouths = followed(monkeypatch, film, tmp_path)
    assert sum(opening is not None for opening in openings(mouths).values()) > 20
    assert len(counted) <= 2


def test_where_the_rate_is_the_analysed_one_they_are_the_faces_own(film, monkeypatch, tmp_path):
    faces, mouths = followed(monkeypatch, film, tmp_path, rate_hz=5.0)
    columns = ["sample", "frame", "time_s", "mouth_opening", "mouth_area"]
    order = [("sample", "ascending"), ("frame", "ascending")]
    assert mouths.sort_by(order).equals(faces.select(columns).sort_by(order))


def test_of_the_one_who_stands_out_there_is_a_row_in_every_frame_of_the_span(film, monkeypatch, tmp_path):
    _, mouths = followed(monkeypatch, film, tmp_path, "prominent", 1000.0, (0.2, 3.5))
    times_s = {frame: (frame - 1) * 1001 / 30000 for frame in range(1, 108)}
    frames = [frame for frame in range(7, 108) if times_s[frame] < 3.5]  # 7 is the first that is analysed after 0.2 s
    found = openings(mouths)
    assert list(found) == [("1", frame) for frame in frames]
    everybody = openings(followed(monkeypatch, film, tmp_path, "all", 1000.0, (0.2, 3.5))[1])
    for (_, frame), opening in found.items():
        [theirs] = [everybody[key] for key in everybody if key[1] == frame and everybody[key] is not None] or [None]
        assert opening == (None if theirs is None else pytest.approx(theirs, abs=0.02)), frame
