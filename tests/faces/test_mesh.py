"""The face mesh as features: alike wherever, however large and however tilted a face is; kept where it is asked for."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import ROOT
from skimage import data

from abaw.commands.predictions import read_embedded
from abaw.faces.mesh import POINTS, aligned, mesh_features
from abaw.faces.mouth import EYES, MouthMeter
from abaw.faces.row import bare_row
from abaw.running.errors import UserError
from abaw.tables.files import read_metadata, write_table
from abaw.tables.schemas import SCHEMAS

sys.path.insert(0, str(ROOT / "workflow" / "scripts" / "faces"))
import align_meshes

FACE = np.ascontiguousarray(data.astronaut()[55:195, 155:295])
RNG = np.random.default_rng(0)
SHAPE = RNG.normal(size=(1, POINTS, 2))


@given(st.floats(-3, 3), st.floats(0.1, 10), st.tuples(st.floats(-100, 100), st.floats(-100, 100)))
def test_place_size_and_roll_are_taken_out(angle, scale, shift):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(aligned(SHAPE @ turn.T + shift), aligned(SHAPE), atol=1e-3)


def test_the_eyes_come_to_lie_at_a_distance_of_one_on_a_level_line():
    found = aligned(SHAPE).reshape(POINTS, 2)
    right, left = (found[corners].mean(axis=0) for corners in EYES)
    np.testing.assert_allclose(right, [-0.5, 0], atol=1e-5)
    np.testing.assert_allclose(left, [0.5, 0], atol=1e-5)
    mirrored = aligned(SHAPE * [1, -1]).reshape(POINTS, 2)
    np.testing.assert_allclose(mirrored, found * [1, -1], atol=1e-4)  # up and down stay apart
    assert not aligned(np.zeros((1, POINTS, 2))).any()


def test_a_meter_keeps_the_mesh_of_a_face_where_it_is_asked_to():
    assert "mesh" not in MouthMeter().measure(FACE).columns()
    mouth = MouthMeter(keeps_mesh=True).measure(FACE)
    kept = mouth.columns()["mesh"].astype(np.float64).reshape(1, POINTS, 2)
    assert kept.min() > -0.2 and kept.max() < 1.2
    np.testing.assert_allclose(kept[0, [61, 291]] * max(FACE.shape), mouth.corners, atol=0.1)
    tilted = MouthMeter(keeps_mesh=True).measure(np.ascontiguousarray(FACE[:, 10:]))
    assert np.abs(aligned(kept) - aligned(tilted.mesh[None])).max() < 0.15


def faces_of(path: Path, sample: str, *meshes: np.ndarray | None) -> Path:
    rows = []
    for frame, mesh in enumerate(meshes, start=1):
        found = {} if mesh is None else {"mesh": mesh.astype(np.float16).ravel()}
        rows.append(bare_row(sample, frame, frame / 5, has_face=frame < 3) | found)
    write_table("faces", pa.Table.from_pylist(rows, SCHEMAS["faces"]), path)
    return path


def test_the_command_writes_features_that_models_read(tmp_path, monkeypatch):
    shapes = RNG.uniform(0, 1, size=(2, POINTS, 2))
    paths = [
        faces_of(tmp_path / "b.parquet", "b", shapes[0], None, None),
        faces_of(tmp_path / "a.parquet", "a", None, shapes[1], None),
    ]
    track = dict.fromkeys(SCHEMAS["tracks"].names)
    track |= {"path": "p", "fps_num": 25, "fps_den": 1, "n_frames": 3, "n_rows": 3, "duration_s": 1.0}
    rows = [track | {"sample": name, "video": name, "has_audio": True, "problems": ""} for name in ("a", "b")]
    write_table("tracks", pa.Table.from_pylist(rows, SCHEMAS["tracks"]), tmp_path / "tracks.parquet")
    arguments = ["--faces", *paths, "--tracks", tmp_path / "tracks.parquet", "--output", tmp_path / "mesh.parquet"]
    monkeypatch.setattr(sys, "argv", ["align_meshes.py", *map(str, arguments)])
    align_meshes.main()
    [table] = read_embedded([tmp_path / "mesh.parquet"])
    assert read_metadata(tmp_path / "mesh.parquet")["fitted_on"] == "train"
    assert table["sample"].to_pylist() == ["a"] * 3 + ["b"] * 3
    assert table["has_face"].to_pylist() == [False, True, False, True, False, False]
    stored = np.array(table["embedding"][3].as_py())
    np.testing.assert_allclose(stored, aligned(shapes[:1].astype(np.float16).astype(float))[0], rtol=2e-3, atol=1e-3)


def test_faces_without_meshes_say_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"have no mesh; set faces\.mesh to true"):
        mesh_features([faces_of(tmp_path / "a.parquet", "a", None, None)], ["a"])
