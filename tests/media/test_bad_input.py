"""What docs/media.md says of unusual and broken videos: the command of the faces stage on files really encoded."""

import json
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import track_faces
import yaml
from clips import ffmpeg, write_clip
from skimage import data

from abaw.faces.crop import decode_crop
from abaw.media.video import probe
from abaw.running.errors import BrokenVideoError, UserError
from abaw.tables.files import read_metadata, read_table

SETTINGS = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text())["faces"]
FPS = Fraction(25)
FACE = np.ascontiguousarray(data.astronaut()[20:220, 120:330, ::-1])
"""A real face with its surroundings, 200 x 210, BGR; the face is about 100 pixels wide, in the middle."""


def picture(height, width, left, top, size):
    """A grey picture with the face in a square of `size` pixels."""
    shown = np.full((height, width, 3), 90, np.uint8)
    shown[top : top + size, left : left + size] = cv2.resize(FACE, (size, size))
    return shown


def analysed(clip, on_unreadable="stop"):
    """The rows that the command writes for the one subject of a clip."""
    output = clip.parent / "out" / "faces.parquet"
    arguments = ["--video", str(clip), "--subjects", '[{"sample": "solo", "side": null}]', "--threads", "1"]
    arguments += ["--settings", json.dumps(SETTINGS), "--on-unreadable", on_unreadable]
    arguments += ["--compute", '{"device": "cpu", "threads": 1, "deterministic": true}', "--output", str(output)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["track_faces.py", *arguments])
        track_faces.main()
    return read_table("faces", output).to_pylist()


def centre(row):
    return (row["x0_px"] + row["x1_px"]) / 2, (row["y0_px"] + row["y1_px"]) / 2


@pytest.mark.parametrize(("left", "top", "size"), [(900, 0, 2160), (2800, 1400, 600)])
def test_4k_faces_have_their_boxes_and_crops_in_its_pixels(tmp_path, left, top, size):
    frames = [picture(2160, 3840, left, top, size)] * 6
    rows = analysed(write_clip(tmp_path / "a.mp4", frames, FPS, encoder={"preset": "ultrafast"}))
    assert [row["has_face"] for row in rows] == [True, True]
    for row in rows:
        assert centre(row) == pytest.approx((left + 0.5 * size, top + 0.54 * size), abs=0.08 * size)
        height, width = decode_crop(row["crop"]).shape[:2]
        assert width == np.ceil(row["x1_px"]) + 15 - (np.floor(row["x0_px"]) - 15)
        assert height >= 0.35 * size


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (16, 16)])
def test_pictures_too_small_for_a_face_have_none(tmp_path, height, width):
    frames = [np.full((height, width, 3), 200, np.uint8)] * 10
    clip = write_clip(tmp_path / "a.mkv", frames, FPS, codec="ffv1", pix_fmt="yuv444p")
    assert (probe(clip).width_px, probe(clip).height_px) == (width, height)
    rows = analysed(clip)
    assert [(row["frame"], row["has_face"], row["crop"]) for row in rows] == [(1, False, None), (6, False, None)]


def test_pictures_larger_than_detectors_take_are_a_sentence(tmp_path):
    """Found by the fuzz: a damaged width of 40,000 pixels ended the process of the stage."""
    clip = tmp_path / "wide.avi"
    ffmpeg("-f", "lavfi", "-i", "color=gray:size=40000x32:rate=5:duration=1", "-c:v", "mjpeg", clip)
    assert probe(clip).width_px == 40_000
    with pytest.raises(BrokenVideoError, match=r"wide\.avi .*of 40000 x 32 px is larger than 16384 px a side"):
        analysed(clip)
    assert not any(row["has_face"] for row in analysed(clip, "skip"))


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_a_portrait_video_is_analysed_upright(tmp_path, rotation):
    upright = picture(480, 240, 10, 200, 220)
    stored = np.ascontiguousarray(np.rot90(upright, -rotation // 90))
    clip = write_clip(tmp_path / "a.mp4", [stored] * 6, FPS, rotation=rotation, encoder={"crf": "18"})
    rows = analysed(clip)
    assert all(row["has_face"] for row in rows)
    for row in rows:
        assert centre(row) == pytest.approx((120, 319), abs=15)
        assert row["right_eye_y_px"] < row["nose_y_px"] < row["mouth_left_y_px"]
        assert row["right_eye_x_px"] < row["left_eye_x_px"]


@pytest.mark.parametrize("flag", ["-display_hflip", "-display_vflip"])
def test_a_mirrored_face_is_upright_where_players_show_it(tmp_path, flag):
    shown = picture(240, 480, 10, 20, 200)
    stored = shown[:, ::-1] if flag == "-display_hflip" else shown[::-1]
    clip = write_clip(tmp_path / "a.mp4", [np.ascontiguousarray(stored)] * 6, FPS, encoder={"crf": "18"})
    rows = analysed(ffmpeg(flag, "-i", clip, "-c", "copy", tmp_path / "b.mp4"))
    assert all(row["has_face"] for row in rows)
    for row in rows:
        assert centre(row) == pytest.approx((110, 128), abs=15)
        assert row["right_eye_y_px"] < row["nose_y_px"] < row["mouth_left_y_px"]


def test_faces_in_pixels_that_are_not_square_have_their_shape_and_boxes_in_square_ones(tmp_path):
    true = picture(288, 512, 150, 30, 240)
    squeezed = write_clip(tmp_path / "a.mp4", [cv2.resize(true, (360, 288))] * 6, FPS, encoder={"crf": "18"})
    rows = analysed(ffmpeg("-i", squeezed, "-vf", "setsar=64/45", "-crf", "18", tmp_path / "b.mp4"))
    straight = analysed(write_clip(tmp_path / "c.mp4", [true] * 6, FPS, encoder={"crf": "18"}))
    for row, other in zip(rows, straight, strict=True):
        for name in ("x0_px", "y0_px", "x1_px", "y1_px"):
            assert row[name] == pytest.approx(other[name], abs=8)
        assert row["mouth_opening"] == pytest.approx(other["mouth_opening"], abs=0.03)


def test_a_size_that_changes_in_mid_stream_keeps_the_face(tmp_path):
    """Twice as large, then turned: boxes and crops in the pixels of each frame."""
    parts = []
    for number, (height, width, size) in enumerate([(240, 320, 200), (480, 640, 400), (320, 240, 200)]):
        shown = picture(height, width, size // 10, size // 10, size)
        ticks = range(25 * number, 25 * number + 25)
        part = write_clip(tmp_path / f"{number}.ts", [shown] * 25, FPS, pts=ticks, encoder={"bf": "0", "crf": "18"})
        parts.append(part.read_bytes())
    clip = tmp_path / "a.ts"
    clip.write_bytes(b"".join(parts))
    rows = analysed(clip)
    assert len(rows) == 15
    for number, row in enumerate(rows):
        size = (200, 400, 200)[number // 5]
        assert row["has_face"]
        assert centre(row) == pytest.approx((0.6 * size, 0.64 * size), abs=0.08 * size)
        assert decode_crop(row["crop"]).shape[1] == np.ceil(row["x1_px"]) + 15 - max(np.floor(row["x0_px"]) - 15, 0)


@pytest.mark.parametrize("pix_fmt", ["gray", "yuv420p"])
def test_a_grey_video_has_faces_and_grey_crops_of_three_channels(tmp_path, pix_fmt):
    grey = np.repeat(cv2.cvtColor(picture(240, 320, 50, 20, 210), cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    rows = analysed(write_clip(tmp_path / "a.mp4", [grey] * 6, FPS, pix_fmt=pix_fmt, encoder={"crf": "18"}))
    assert all(row["has_face"] and row["mouth_opening"] is not None for row in rows)
    crop = decode_crop(rows[0]["crop"])
    assert crop.shape[2] == 3
    assert np.ptp(crop.astype(int), axis=2).max() <= 4  # by rounding


def test_a_variable_rate_is_analysed_at_the_times_of_its_frames(tmp_path):
    """One frame stands for two seconds: it is analysed once, and the next ones at their own times."""
    ticks = [*range(10), *range(60, 70)]
    frames = [picture(240, 320, 20 + 3 * k, 20, 210) for k in range(20)]
    rows = analysed(write_clip(tmp_path / "a.mp4", frames, FPS, pts=ticks, encoder={"crf": "18"}))
    assert [row["frame"] for row in rows] == [1, 6, 10, 11, 16]
    assert [row["time_s"] for row in rows] == pytest.approx([ticks[row["frame"] - 1] / 25 for row in rows])
    for row in rows:
        assert centre(row)[0] == pytest.approx(20 + 3 * (row["frame"] - 1) + 105, abs=12)


def long_clip(path, codec="libx264", n_frames=100, **options):
    """A clip of four seconds whose frames are large enough to be told apart in the file."""
    frames = [picture(240, 320, 10 + k % 100, 20, 210) for k in range(n_frames)]
    return write_clip(path, frames, FPS, codec=codec, encoder={"g": "10"}, **options)


@pytest.mark.parametrize(("name", "codec", "layout"), [("a.mp4", "libx264", "faststart"), ("a.avi", "mpeg4", None)])
@pytest.mark.parametrize("on_unreadable", ["stop", "skip"])
def test_a_file_that_ends_early_is_refused_where_its_index_tells(tmp_path, name, codec, layout, on_unreadable):
    """`skip` leaves such a video out before any job is planned; the command itself refuses it either way."""
    clip = long_clip(tmp_path / name, codec, container={"movflags": layout} if layout else {})
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(UserError, match=rf"{name} is cut off: it holds \d+ of the 100 frames that it promises; copy"):
        analysed(clip, on_unreadable)
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.flv", "flv1"), ("a.mpg", "mpeg1video")])
def test_a_file_that_ends_early_is_a_shorter_video_where_nothing_promises_more(tmp_path, name, codec):
    clip = long_clip(tmp_path / name, codec, n_frames=300)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    n_frames = probe(clip).n_frames
    assert 50 < n_frames < 250
    rows = analysed(clip)
    assert [row["frame"] for row in rows] == list(range(1, n_frames + 1, 5))
    assert all(row["has_face"] for row in rows)


def test_a_video_that_ends_before_its_sound_has_the_rows_of_its_frames(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        film, sound = output.add_stream("libx264", rate=25), output.add_stream("aac", rate=16000, layout="mono")
        film.width, film.height, film.pix_fmt = 320, 240, "yuv420p"
        for _ in range(25):
            output.mux(film.encode(av.VideoFrame.from_ndarray(picture(240, 320, 50, 20, 210), format="bgr24")))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 5 * 16000), np.float32), format="fltp", layout="mono")
        tone.sample_rate = 16000
        output.mux([*sound.encode(tone), *film.encode(), *sound.encode()])
    assert probe(path).duration_s == pytest.approx(1, abs=0.05)
    rows = analysed(path)
    assert [row["frame"] for row in rows] == [1, 6, 11, 16, 21]
    assert all(row["has_face"] for row in rows)


def corrupted(path: Path, codec: str, damage: str) -> Path:
    """A clip whose index is whole and whose second half is noise or zeros."""
    container = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    raw = bytearray(long_clip(path, codec, container=container).read_bytes())
    start, end = len(raw) // 2, raw.rfind(b"idx1") if path.suffix == ".avi" else len(raw)
    noise = np.random.default_rng(0).integers(0, 256, end - start, dtype=np.uint8).tobytes()
    raw[start:end] = noise if damage == "noise" else bytes(end - start)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
@pytest.mark.parametrize("damage", ["noise", "zeros"])
def test_a_corrupt_second_half_stops_or_has_no_face(tmp_path, name, codec, damage):
    clip = corrupted(tmp_path / name, codec, damage)
    assert probe(clip).n_frames == 100  # the container does not tell
    with pytest.raises(UserError, match=rf"{name} breaks after frame \d+ \(.* s\): .*; copy it again, or repair it"):
        analysed(clip)
    assert not list(tmp_path.rglob("*.parquet"))

    rows = analysed(clip, "skip")
    assert [row["frame"] for row in rows] == list(range(1, 101, 5))
    with_face = [row["has_face"] for row in rows]
    assert 3 <= sum(with_face) <= 17
    assert with_face == sorted(with_face, reverse=True)  # none after the break
    assert "breaks after frame" in read_metadata(tmp_path / "out" / "faces.parquet")["broken"]


@pytest.mark.parametrize(("name", "codec"), [("a.flv", "flv1"), ("a.mpg", "mpeg1video")])
def test_a_corrupt_second_half_is_a_shorter_video_where_nothing_promises_more(tmp_path, name, codec):
    clip = corrupted(tmp_path / name, codec, "zeros")
    rows = analysed(clip)
    assert 3 <= len(rows) <= 17
    assert [row["frame"] for row in rows] == list(range(1, 5 * len(rows), 5))
    assert all(row["has_face"] for row in rows)
