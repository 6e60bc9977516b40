"""Who is who: two real people who cross, leave and come back over a cut, with and without recognition."""

import json
from fractions import Fraction
from pathlib import Path

import av
import find_people
import numpy as np
import pytest
import yaml
from clips import write_clip
from hypothesis import given
from hypothesis import strategies as st
from networks import small_recogniser
from runs import ROOT

from abaw.predict.recognising import same_people
from abaw.tables.files import read_table
from abaw.weights.manifest import known, sha256_of

FACES = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["faces"]
FPS = 25
SHOTS = {"crossing": range(1, 73), "nobody": range(73, 102), "back": range(102, 162)}
"""Frames of the film: the two cross; an empty picture; and they are back, in changed places."""


def heads(path: Path) -> list[np.ndarray]:
    """The middle of the pictures of a clip of GRID, 180 x 288."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24")[:, 90:270] for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def film(shared, tmp_path_factory) -> Path:
    """One goes from the left to the right, behind the other, who goes from the right to the left. The picture changes,
    nobody is there, it changes again, and the other is on the left.
    """
    behind, before = (heads(shared / "media" / "grid" / f"{name}.mpg") for name in ("bbaf2n", "lbax4n"))
    pictures = []
    for step in range(72):
        picture = np.full((288, 720, 3), (90, 140, 60), np.uint8)
        at = round(7.5 * step)
        picture[:, at : at + 180] = behind[step]
        picture[:, 540 - at : 720 - at] = before[step]
        pictures.append(picture)
    pictures += [np.full((288, 720, 3), (20, 30, 160), np.uint8)] * 29
    for step in range(60):
        picture = np.full((288, 720, 3), (150, 60, 60), np.uint8)
        picture[:, 20:200], picture[:, 500:680] = before[step], behind[step]
        pictures.append(picture)
    folder = tmp_path_factory.mktemp("film")
    return write_clip(folder / "film.mp4", pictures, Fraction(FPS), encoder={"crf": "18"})


def people_of(monkeypatch, film, out, subjects="all", recogniser=None, weights=None, least=0.9):
    """The frames in which each subject has a face, with where it is; by the command, at 5 frames a second."""
    options = {
        "video": film,
        "subjects": json.dumps(subjects),
        "from-s": 0,
        "settings": json.dumps(FACES | {"crop_side_px": 112}),
        "compute": json.dumps({"device": "cpu", "threads": 1, "deterministic": True}),
        "mouths-hz": 10.0,
        "threads": 1,
        "faces": out,
        "mouths": out.with_name("mouths.parquet"),
    }
    if recogniser is not None:
        options |= {"recogniser": recogniser, "weights": weights, "same-person": least}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    monkeypatch.setattr("sys.argv", ["find_people", *words, "--to-s"])
    find_people.main()
    table = read_table("faces", out)
    assert not table.group_by(["sample", "frame"]).aggregate([([], "count_all")])["count_all"].to_numpy().max() > 1
    seen = {}
    for row in table.select(["sample", "frame", "has_face", "x0_px", "x1_px"]).to_pylist():
        if row["has_face"]:
            seen.setdefault(row["sample"], {})[row["frame"]] = (row["x0_px"] + row["x1_px"]) / 2
    return table, seen


def who(frame, x_px):
    """Who stands there: the one behind or the one before."""
    if frame in SHOTS["back"]:
        return "behind" if x_px > 360 else "before"
    behind_px = 7.5 * (frame - 1) + 90
    before_px = 720 - behind_px
    hidden = abs(behind_px - before_px) < 60
    return "before" if hidden or abs(before_px - x_px) < abs(behind_px - x_px) else "behind"


def composed(seen):
    """For each subject who it is in truth, by shot: one name each, or the subject is two people."""
    found = {}
    for subject, places in sorted(seen.items()):
        for frame, x_px in places.items():
            [shot] = [name for name, frames in SHOTS.items() if frame in frames]
            found.setdefault(subject, set()).add((shot, who(frame, x_px)))
    return found


def test_without_recognition_ids_begin_anew_after_a_crossing_and_after_a_cut(film, monkeypatch, tmp_path):
    _, seen = people_of(monkeypatch, film, tmp_path / "faces.parquet")
    assert composed(seen) == {
        "1": {("crossing", "before")},
        "2": {("crossing", "behind")},
        "3": {("crossing", "behind")},
        "4": {("crossing", "before")},
        "5": {("back", "behind")},
        "6": {("back", "before")},
    }


def test_with_recognition_they_keep_their_ids(film, monkeypatch, tmp_path):
    entry = known("sface").model_dump_json()
    path = small_recogniser(tmp_path / "small.onnx")
    table, seen = people_of(monkeypatch, film, tmp_path / "faces.parquet", recogniser=path, weights=entry)
    assert composed(seen) == {
        "1": {("crossing", "before"), ("back", "before")},
        "2": {("crossing", "behind"), ("back", "behind")},
    }
    analysed = list(range(1, 162, 5))
    for subject in ("1", "2"):
        rows = table.filter([one == subject for one in table["sample"].to_pylist()])
        assert rows["frame"].to_pylist() == analysed  # also where they are away
        assert len(seen[subject]) >= (24 if subject == "1" else 21)


@pytest.mark.parametrize("subjects", [1, 2])
def test_a_number_counts_people_not_tracks(film, monkeypatch, tmp_path, subjects):
    entry = known("sface").model_dump_json()
    path = small_recogniser(tmp_path / "small.onnx")
    _, seen = people_of(monkeypatch, film, tmp_path / "faces.parquet", subjects, path, entry)
    assert len(seen) == subjects


def test_sface_itself_knows_a_speaker_again_in_another_recording(shared, monkeypatch, tmp_path):
    """Of GRID's clips two are of one man; SFace's own threshold."""
    weights = known("sface")
    files = [path for path in (shared / "weights").rglob("*.onnx") if sha256_of(path) == weights.sha256]
    if not files:
        pytest.skip(f"needs {weights.file} in ../shared/weights, which this machine does not have")
    clips = [heads(shared / "media" / "grid" / f"{name}.mpg") for name in ("id2_vcd_swwp2s", "bbaf2n", "pwij3p")]
    blank = [np.full((288, 180, 3), (20, 30, 160), np.uint8)] * 10
    pictures = [picture for clip in clips for picture in [*clip[:50], *blank]]
    film = write_clip(tmp_path / "film.mp4", pictures, Fraction(FPS), encoder={"crf": "18"})
    entry = weights.model_dump_json()
    _, seen = people_of(monkeypatch, film, tmp_path / "faces.parquet", "all", files[0], entry, 0.363)
    assert {subject: {(frame - 1) // 60 for frame in places} for subject, places in seen.items()} == {
        "1": {0, 2},
        "2": {1},
    }


def test_tracks_are_joined_by_likeness_and_never_where_both_are_seen():
    east, north = np.array([1.0, 0]), np.array([0, 1.0])
    near = np.array([0.9, np.sqrt(1 - 0.81)])
    embeddings = {"0": east, "1": north, "2": near, "3": east}
    spans = {"0": (0.0, 2.0), "1": (0.0, 2.0), "2": (3.0, 5.0), "3": (4.0, 6.0)}
    found = same_people(embeddings, spans, 0.8)
    assert found == {"0": "0", "1": "1", "2": "2", "3": "0"}  # 2 and 3 are seen together, and 3 is more like 0
    assert same_people(embeddings, spans | {"3": (5.5, 6.0)}, 0.8)["2"] == "0"
    assert same_people(embeddings, spans, 0.999)["2"] == "2"


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10), st.floats(0, 2 * np.pi)), min_size=1, max_size=14),
    st.floats(0.1, 0.99),
)
def test_nobody_is_two_people_at_a_time(tracks, least):
    embeddings = {str(n): np.array([np.cos(turn), np.sin(turn)]) for n, (_, _, turn) in enumerate(tracks)}
    spans = {str(n): (float(begin), float(begin + length)) for n, (begin, length, _) in enumerate(tracks)}
    found = same_people(embeddings, spans, least)
    assert set(found) == set(embeddings)
    for one, person in found.items():
        assert found[person] == person and spans[person] <= spans[one]
        for other, its in found.items():
            if one < other and person == its:
                assert spans[one][1] < spans[other][0] or spans[other][1] < spans[one][0]
