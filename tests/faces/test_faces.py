import csv
import json
import re
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import list_broken
import numpy as np
import pyarrow.parquet as pq
import pytest
import track_faces
import yaml
from clips import write_clip
from skimage import data

from abaw.config import FacesConfig
from abaw.faces.crop import crop_region, decode_crop, encode_crop
from abaw.faces.detection import select
from abaw.faces.mediapipe import MediaPipeDetector
from abaw.faces.mesh import POINTS, mesh_features
from abaw.faces.mouth import MouthMeter
from abaw.running.errors import UserError
from abaw.tables.files import GROUP_ROWS, read_metadata, read_table, table_writer
from abaw.tables.schemas import FIVE_POINTS

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text())["faces"]
COMPUTE = '{"device": "cpu", "threads": 1, "deterministic": true}'
ASTRONAUT = np.ascontiguousarray(data.astronaut()[20:220, 120:330, ::-1])
"""A real face with its surroundings, 200 x 210, BGR; the face is about 100 pixels wide."""


def scene(*faces, height=240, width=480):
    """A grey picture with astronauts: (x, size of the patch, mirrored) each, centred in height."""
    picture = np.full((height, width, 3), 90, np.uint8)
    for x, size, mirrored in faces:
        patch = cv2.resize(ASTRONAUT[:, ::-1] if mirrored else ASTRONAUT, (size, size))
        top = (height - size) // 2
        picture[top : top + size, x : x + size] = patch
    return picture


def track(tmp_path, frames, subjects, fps=Fraction(25), name="a.mp4", output="faces.parquet", **settings):
    """Run the command on a clip of these frames; return the table's rows by sample, in order."""
    clip = write_clip(tmp_path / name, frames, fps, encoder={"crf": "18"})
    arguments = ["--video", str(clip), "--subjects", json.dumps(subjects), "--threads", "1"]
    arguments += ["--on-unreadable", "stop", "--compute", COMPUTE]
    arguments += ["--settings", json.dumps(DEFAULT | settings), "--output", str(tmp_path / output)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["track_faces.py", *arguments])
        track_faces.main()
    rows = read_table("faces", tmp_path / output).to_pylist()
    return {subject["sample"]: [row for row in rows if row["sample"] == subject["sample"]] for subject in subjects}


ALONE = [{"sample": "solo", "side": None}]
PAIR = [{"sample": "a_left", "side": "left"}, {"sample": "a_right", "side": "right"}]


def test_a_moving_face_and_a_stretch_without(tmp_path, capsys):
    xs = [10 + 3 * k for k in range(60)]
    frames = [scene((x, 210, False)) if k < 30 else scene() for k, x in enumerate(xs)]
    rows = track(tmp_path, frames, ALONE)["solo"]
    assert [row["frame"] for row in rows] == list(range(1, 61, 5))
    assert [row["has_face"] for row in rows] == [True] * 6 + [False] * 6
    assert [row["time_s"] for row in rows] == pytest.approx([0.2 * j for j in range(12)])
    for row in rows[:6]:
        x = xs[row["frame"] - 1]
        assert abs((row["x0_px"] + row["x1_px"]) / 2 - (x + 106)) < 10
        assert row["x0_px"] < row["right_eye_x_px"] < row["nose_x_px"] < row["left_eye_x_px"] < row["x1_px"]
        assert row["right_eye_y_px"] < row["nose_y_px"] < row["mouth_right_y_px"] < row["y1_px"]
        assert row["mouth_right_x_px"] < row["nose_x_px"] < row["mouth_left_x_px"]
        assert 0.05 < row["mouth_opening"] < 0.3
    for row in rows[6:]:
        assert {name for name, value in row.items() if value is not None} == {"sample", "frame", "time_s", "has_face"}
    assert "solo: 6 of 12 analysed frames have a face" in capsys.readouterr().out


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(2038, 100), Fraction(15, 2)], ids=str)
def test_the_same_bytes_twice_at_odd_rates(tmp_path, fps):
    frames = [scene((40 + 2 * k, 210, False)) for k in range(12)]
    rows = track(tmp_path, frames, ALONE, fps, output="one.parquet")["solo"]
    track(tmp_path, frames, ALONE, fps, output="two.parquet")
    assert all(row["has_face"] for row in rows)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_the_mesh_is_kept_where_it_is_asked_for_and_follows_the_face_not_its_size(tmp_path):
    frames = [scene((20, 150 + 8 * k, False)) for k in range(6)]
    bare = track(tmp_path, frames, ALONE, fps=Fraction(5))["solo"]
    assert all(row["mesh"] is None for row in bare)
    rows = track(tmp_path, frames, ALONE, fps=Fraction(5), mesh=True)["solo"]
    assert [row | {"mesh": None} for row in rows] == bare
    table = mesh_features([tmp_path / "faces.parquet"], ["solo"])
    features = np.array(table["embedding"].to_pylist())
    assert features.shape == (6, 2 * POINTS) and all(table["has_face"].to_pylist())
    assert np.abs(features - features[0]).mean() < 0.03  # of the distance between the eyes
    assert table["time_s"].to_pylist() == [row["time_s"] for row in rows]


@pytest.mark.parametrize("margin_px", [0, 15, 40])
def test_the_crop_is_the_box_with_its_margin_clipped_to_the_image(tmp_path, margin_px):
    frame = np.ascontiguousarray(ASTRONAUT[40:164, 40:164])  # the face touches the picture's edges
    (row,) = track(tmp_path, [frame], ALONE, margin_px=margin_px)["solo"]
    x0, y0, x1, y1 = (row[name] for name in ("x0_px", "y0_px", "x1_px", "y1_px"))
    left, top = max(int(x0) - margin_px, 0), max(int(y0) - margin_px, 0)
    right, bottom = min(int(np.ceil(x1)) + margin_px, 124), min(int(np.ceil(y1)) + margin_px, 124)
    crop = decode_crop(row["crop"])
    assert crop.shape == (bottom - top, right - left, 3)
    assert np.abs(crop[..., ::-1].astype(int) - frame[top:bottom, left:right]).mean() < 6


def test_a_stored_crop_is_no_longer_than_its_side_and_the_mouth_is_that_of_the_whole_one(tmp_path):
    frame = scene((40, 210, False))
    ((whole,), (small,)) = (
        track(tmp_path, [frame], ALONE, output=f"{side}.parquet", crop_side_px=side)["solo"] for side in (None, 64)
    )
    height, width = decode_crop(whole["crop"]).shape[:2]
    assert max(height, width) > 100
    crop = decode_crop(small["crop"])
    assert crop.shape == (round(height * 64 / max(height, width)), round(width * 64 / max(height, width)), 3)
    expected = cv2.resize(decode_crop(whole["crop"]), crop.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(crop.astype(int) - expected).mean() < 4
    assert whole | {"crop": None} == small | {"crop": None}
    assert small["mouth_opening"] is not None
    large = track(tmp_path, [frame], ALONE, output="large.parquet", crop_side_px=max(height, width))["solo"]
    assert large == [whole]


def test_crop_regions():
    box = np.array([10.4, 20.6, 50.1, 60.0])
    assert crop_region(box, 0, 100, 100) == (10, 20, 51, 60)
    assert crop_region(box, 15, 100, 100) == (0, 5, 66, 75)
    assert crop_region(box, 200, 100, 80) == (0, 0, 100, 80)


def test_jpeg_quality_and_a_crop_that_is_none():
    assert len(encode_crop(ASTRONAUT, 50)) < len(encode_crop(ASTRONAUT, 95)) / 2
    for wrong in (b"", b"no image"):
        with pytest.raises(ValueError, match="no image"):
            decode_crop(wrong)


def test_two_people_keep_their_sides(tmp_path):
    """The larger face changes sides, the right person goes away and comes back."""
    frames = [scene((10, 200 - 2 * k, False), (270, 120 + 2 * k, True)) for k in range(30)]
    frames += [scene((10, 140, False)) for _ in range(25)]
    frames += [scene((10, 140, False), (290, 180, True)) for _ in range(30)]
    rows = track(tmp_path, frames, PAIR)
    assert [row["has_face"] for row in rows["a_left"]] == [True] * 17
    assert [row["has_face"] for row in rows["a_right"]] == [True] * 6 + [False] * 5 + [True] * 6
    assert all(row["x1_px"] < 240 for row in rows["a_left"])
    assert all(row["x0_px"] > 240 for row in rows["a_right"] if row["has_face"])


def test_a_subject_with_a_side_is_followed_alone(tmp_path):
    frames = [scene((10, 200, False), (290, 140, True)) for _ in range(6)]
    assert track(tmp_path, frames, PAIR[1:])["a_right"][0]["x0_px"] > 240
    assert track(tmp_path, frames, ALONE)["solo"][0]["x1_px"] < 240


def test_the_mouth_opening_is_free_of_scale_and_of_the_crops_shape():
    crop, meter = np.ascontiguousarray(ASTRONAUT[35:175, 35:175, ::-1]), MouthMeter()
    opening = meter.measure(crop).opening
    assert 0.1 < opening < 0.25
    for scale in (0.75, 1.5, 3):
        assert meter.measure(cv2.resize(crop, None, fx=scale, fy=scale)).opening == pytest.approx(opening, rel=0.2)
    wide = cv2.copyMakeBorder(crop, 0, 0, 30, 30, cv2.BORDER_REPLICATE)
    assert meter.measure(np.ascontiguousarray(wide)).opening == pytest.approx(opening, rel=0.2)


def test_an_opening_mouth_opens_and_a_wall_has_none():
    crop, meter = np.ascontiguousarray(ASTRONAUT[35:175, 35:175, ::-1]), MouthMeter()
    line = int(meter.measure(crop).corners[:, 1].mean()) + 2
    openings = []
    for rows in (0, 4, 8):
        lips = cv2.resize(crop[line - 4 : line + 4], (crop.shape[1], 8 + rows))
        openings.append(meter.measure(np.vstack([crop[: line - 4], lips, crop[line + 4 :]])).opening)
    assert openings[0] < openings[1] - 0.03 < openings[2] - 0.06
    assert meter.measure(np.full((100, 80, 3), 120, np.uint8)) is None


def test_the_detectors_boxes_lie_in_the_image_and_respect_the_score():
    cut = np.ascontiguousarray(ASTRONAUT[:, 70:])
    (found,) = MediaPipeDetector(0.5).detect(cut)
    assert (found.box >= 0).all()
    assert (found.box[2:] <= cut.shape[1::-1]).all()
    assert MediaPipeDetector(0.99).detect(cut) == []
    assert MediaPipeDetector(0.5).detect(np.full((50, 70, 3), 128, np.uint8)) == []


def test_select_clips_drops_and_keeps_one_of_those_that_overlap():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [-5, 20, 4, 60], [60, 0, 70, 9], [30, 10, 40, 20.0]])
    scores = np.array([0.6, 0.9, 0.7, 0.99, 0.5])
    points, image = np.zeros((5, 5, 2)), np.zeros((40, 50, 3), np.uint8)
    kept = select(boxes, scores, points, scores, 0.4, image)
    assert [one.box.tolist() for one in kept] == [[1, 1, 11, 11], [0, 20, 4, 40], [30, 10, 40, 20]]
    ranks = np.array([2, 0.9, 0.7, 0.99, 0.5])
    assert [one.score for one in select(boxes, scores, points, ranks, 0.4, image)] == [0.6, 0.7, 0.5]
    assert select(boxes[:0], scores[:0], points[:0], scores[:0], 0.4, image) == []


@pytest.mark.parametrize("name", ["a b.mp4", "it's:x.mp4", "-y.mp4"])
def test_names_of_videos_and_samples(tmp_path, name):
    subjects = [{"sample": 'it\'s "a"=b', "side": None}]
    (row,) = track(tmp_path, [scene((100, 210, False))], subjects, name=name)[subjects[0]["sample"]]
    assert row["has_face"]


def broken_clip(folder: Path) -> Path:
    """A clip of 60 frames whose container is whole and whose last part is noise."""
    clip = write_clip(folder / "a.mp4", [scene()] * 60, Fraction(25), container={"movflags": "faststart"})
    noise = np.random.default_rng(0).integers(0, 256, 1500, dtype=np.uint8).tobytes()
    clip.write_bytes(clip.read_bytes()[:-1500] + noise)
    return clip


def track_broken(folder: Path, on_unreadable: str) -> Path:
    arguments = ["--video", str(broken_clip(folder)), "--subjects", json.dumps(ALONE), "--threads", "1"]
    arguments += ["--settings", json.dumps(DEFAULT), "--on-unreadable", on_unreadable, "--compute", COMPUTE]
    output = folder / "out" / "a.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["track_faces.py", *arguments, "--output", str(output)])
        track_faces.main()
    return output


def test_nothing_is_left_of_a_video_that_breaks(tmp_path, capsys):
    with pytest.raises(UserError, match="breaks after frame"):
        track_broken(tmp_path, "stop")
    assert list((tmp_path / "out").iterdir()) == []
    capsys.readouterr()


def test_a_broken_video_that_is_skipped_has_no_face_after_the_break_and_is_listed(tmp_path, capsys):
    output = track_broken(tmp_path, "skip")
    assert "breaks after frame" in capsys.readouterr().out
    rows = read_table("faces", output).to_pylist()
    assert [row["frame"] for row in rows] == list(range(1, 61, 5))  # all that the container promises
    problem = read_metadata(output)["broken"]
    last = int(re.search(r"breaks after frame (\d+)", problem)[1])
    assert 0 < last < 60
    assert all(row["time_s"] == pytest.approx((row["frame"] - 1) / 25) for row in rows)
    assert not any(row["has_face"] for row in rows if row["frame"] > last)
    with pytest.MonkeyPatch.context() as patch:
        whole = tmp_path / "whole.parquet"
        with table_writer("faces", whole):
            pass
        arguments = ["--faces", str(whole), str(output), "--output", str(tmp_path / "b.csv"), "--on-unreadable"]
        patch.setattr(sys, "argv", ["list_broken.py", *arguments, "skip"])
        list_broken.main()
        patch.setattr(sys, "argv", ["list_broken.py", *arguments, "stop"])
        with pytest.raises(UserError, match=r"on_unreadable is stop.* breaks after frame .* delete .*a\.parquet"):
            list_broken.main()
    with (tmp_path / "b.csv").open(newline="") as handle:
        assert list(csv.reader(handle))[1:] == [["a", problem, "no face from there on"]]


def rows_of(n_rows):
    empty = dict.fromkeys(read_columns())
    return [empty | {"sample": "s", "frame": k + 1, "time_s": k / 5, "has_face": False} for k in range(n_rows)]


def read_columns():
    points = [f"{point}_{axis}_px" for point in FIVE_POINTS for axis in "xy"]
    box = ["x0_px", "y0_px", "x1_px", "y1_px"]
    mouth = ["mouth_opening", "mouth_area"]
    return ["sample", "frame", "time_s", "has_face", "score", *box, *points, *mouth, "crop", "mesh"]


def test_a_table_written_row_by_row_does_not_depend_on_how_rows_come(tmp_path):
    rows = rows_of(2 * GROUP_ROWS + 7)
    for name, step in (("one", 1), ("two", 100), ("all", len(rows))):
        with table_writer("faces", tmp_path / name, {"note": "x"}) as write:
            for start in range(0, len(rows), step):
                write(rows[start : start + step])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == (tmp_path / "all").read_bytes()
    assert pq.ParquetFile(tmp_path / "one").num_row_groups == 3
    assert read_metadata(tmp_path / "one") == {"abaw_table": "faces", "note": "x"}
    assert read_table("faces", tmp_path / "one").to_pylist() == rows


def test_a_table_of_no_rows_and_rows_that_do_not_fit(tmp_path):
    with table_writer("faces", tmp_path / "empty.parquet"):
        pass
    assert read_table("faces", tmp_path / "empty.parquet").num_rows == 0
    (row,) = rows_of(1)
    for wrong in ({"sample": "s"}, row | {"colour": 1}, row | {"time_s": None}):
        with pytest.raises(ValueError, match="faces table"), table_writer("faces", tmp_path / "bad.parquet") as write:
            write([wrong])
    assert [path.name for path in tmp_path.iterdir()] == ["empty.parquet"]


def test_settings_of_the_default_are_valid():
    assert FacesConfig.model_validate(DEFAULT).detector == "mediapipe"
