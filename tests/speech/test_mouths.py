"""Mouths between the analysed frames: where the boxes are, and that they are measured as in the table of faces."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import yaml
from clips import write_clip
from runs import ROOT

from abaw.config import FacesConfig
from abaw.faces.pipeline import analyse_video
from abaw.faces.subjects import Subject
from abaw.speech.mouths import Boxes, measure_mouths

FACES = FacesConfig.model_validate(yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["faces"])
BOX = [10.0, 10.0, 50.0, 50.0]
NONE = [np.nan] * 4


def boxes(*rows: list[float], interval_s: float = 0.2) -> Boxes:
    return Boxes(np.arange(len(rows)) * interval_s, np.array(rows))


def test_between_two_boxes_that_overlap_the_box_moves_in_proportion():
    moved = boxes(BOX, [20.0, 10.0, 60.0, 50.0])
    assert moved.at(0.0).tolist() == BOX
    assert moved.at(0.05).tolist() == pytest.approx([12.5, 10, 52.5, 50])
    assert moved.at(0.2).tolist() == [20, 10, 60, 50]


def test_where_they_do_not_overlap_it_is_the_nearer_ones():
    cut = boxes(BOX, [210.0, 10.0, 250.0, 50.0])
    assert cut.at(0.09).tolist() == BOX
    assert cut.at(0.11).tolist() == [210, 10, 250, 50]


def test_a_frame_near_one_without_a_face_has_none():
    gone = boxes(BOX, NONE, BOX)
    assert gone.at(0.05).tolist() == BOX
    assert gone.at(0.15) is None
    assert gone.at(0.2) is None
    assert gone.at(0.35).tolist() == BOX


def test_beyond_the_last_analysed_frame_it_stays_for_an_interval():
    assert boxes(BOX, BOX).at(0.35).tolist() == BOX
    assert boxes(BOX, BOX).at(0.45) is None
    assert boxes(BOX, NONE).at(0.3) is None
    assert Boxes.of([]).at(0.0) is None


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A woman in a space suit who drifts across the picture, a second long, 25 frames a second."""
    photo = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR)[:360]
    shifts = [np.float32([[1, 0, -2 * k], [0, 1, 0]]) for k in range(25)]
    frames = [cv2.warpAffine(photo, shift, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE) for shift in shifts]
    return write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", frames, Fraction(25), encoder={"crf": "10"})


def test_at_the_analysed_frames_mouths_are_those_of_the_faces(clip):
    rows = [row for frame in analyse_video(clip, [Subject("a", None)], FACES, 1) for row in frame]
    measured = [row for frame in measure_mouths(clip, {"a": Boxes.of(rows)}, None, FACES.margin_px) for row in frame]
    assert [row["frame"] for row in measured] == list(range(1, 26))
    assert all(row["mouth_opening"] is not None for row in measured)
    by_frame = {row["frame"]: row for row in measured}
    for row in rows:
        same = by_frame[row["frame"]]
        assert same["time_s"] == pytest.approx(row["time_s"])
        assert same["mouth_opening"] == pytest.approx(row["mouth_opening"], abs=0.02)  # that one was a JPEG
    at_five = [row for frame in measure_mouths(clip, {"a": Boxes.of(rows)}, 5.0, FACES.margin_px) for row in frame]
    assert [row["frame"] for row in at_five] == [row["frame"] for row in rows]


def test_a_video_that_breaks_has_mouths_up_to_there(clip, tmp_path):
    broken = tmp_path / "broken.mp4"
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(60)]
    write_clip(broken, frames, Fraction(25), container={"movflags": "faststart"})
    whole = broken.read_bytes()
    kept = len(whole) * 2 // 3
    broken.write_bytes(whole[:kept] + bytes(len(whole) - kept))  # the index still promises all frames
    said: list[str] = []
    found = list(measure_mouths(broken, {"a": boxes(NONE)}, None, 15, on_break=said))  # told, not raised
    assert len(said) == 1
    assert 0 < len(found) < 60
    assert all(row["mouth_opening"] is None for rows in found for row in rows)
