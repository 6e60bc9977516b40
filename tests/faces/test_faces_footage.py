"""The faces stage on real footage: every clip of ../shared/media, with both detectors."""

from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from clips import write_clip
from networks import RETINAFACE, exported_retinaface

from abaw.config import FacesConfig
from abaw.faces.detectors import make_detector
from abaw.faces.pipeline import analyse_video
from abaw.faces.subjects import Subject
from abaw.media.video import sample_frames

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text())["faces"]
ONE = ((None, "solo"),)
TWO = (("left", "l"), ("right", "r"))

CREMA_D = {"ANG": 12, "DIS": 12, "FEA": 11, "HAP": 10, "NEU": 11, "SAD": 10}
GRID = (
    "bbaf2n",
    "brbk7n",
    "id2_vcd_swwp2s",
    "lbax4n",
    "lbbc2a",
    "lrwp9a",
    "lwbsza",
    "pwij3p",
    "sbia1a",
    "sbwe5n",
    "swiz3n",
)
FACES = (
    {f"crema-d/1001_DFA_{emotion}_XX.flv": "1" * n_frames for emotion, n_frames in CREMA_D.items()}
    | {f"grid/{name}.mpg": "1" * 15 for name in GRID}
    | {
        "pexels/WolfgangLanger_Pexels.mp4": "1" * 99,
        "pexels/single_face.mp4": "1" * 12,
        "pexels/no_face.mp4": "0" * 20,
        "pexels/face_noface.mov": "1" * 12 + "0" * 20,
        "pexels/noface_face.mov": "0" * 20 + "1" * 12,
    }
)
"""For each clip, at 5 Hz, whether each analysed frame has a face."""

TWO_PEOPLE = "two-people/short_hamilton_clip.mp4"
AT_LEAST = {"mediapipe": (36, 28, 14), "retinaface": (40, 40, 19)}
"""Of the 46 analysed frames of `TWO_PEOPLE`: one subject; of two, the left and the right one."""
SHOTS = {
    range(1, 25): ((20, 80), (500, 580)),  # a pianist and a singer
    range(25, 85): ((100, 250), (360, 620)),  # someone in the dark and a musician, who leaves and comes back
    range(85, 217): ((150, 350), None),  # the singer alone
    range(217, 276): ((310, 375), (385, 460)),  # two in the audience, in profile
}
"""Its shots by frame number, and between which columns of pixels the centres of the left and the right face lie."""


@cache
def settings_of(detector, shared):
    if detector == "mediapipe":
        return FacesConfig.model_validate(DEFAULT)
    changed = {"detector": "retinaface", "weights": RETINAFACE, "min_score": 0.8}
    return FacesConfig.model_validate(DEFAULT | changed)


@cache
def detector_of(detector, shared):
    network = exported_retinaface(shared) if detector == "retinaface" else None
    return make_detector(settings_of(detector, shared), threads=1, network=network)


@cache
def analysed(shared, clip, detector, subjects=ONE):
    """The rows of each subject, in order."""
    people = [Subject(sample, side) for side, sample in subjects]
    frames = analyse_video(
        shared / "media" / clip, people, settings_of(detector, shared), 1, detector_of(detector, shared)
    )
    return list(zip(*frames, strict=True))


def centres(rows):
    return np.array([[(row["x0_px"] + row["x1_px"]) / 2, (row["y0_px"] + row["y1_px"]) / 2] for row in rows])


@pytest.mark.parametrize("detector", ["mediapipe", "retinaface"])
@pytest.mark.parametrize("clip", FACES)
def test_faces_of_every_clip(shared, clip, detector):
    (rows,) = analysed(shared, clip, detector)
    assert "".join(str(int(row["has_face"])) for row in rows) == FACES[clip]
    seen = [row for row in rows if row["has_face"]]
    assert sum(row["mouth_opening"] is not None for row in seen) >= 0.95 * len(seen)
    if seen:
        moved = np.linalg.norm(np.diff(centres(seen), axis=0), axis=1)
        assert moved.max() < 0.5 * np.mean([row["x1_px"] - row["x0_px"] for row in seen])


@pytest.mark.parametrize("clip", [clip for clip, faces in FACES.items() if "1" in faces])
def test_the_detectors_agree(shared, clip):
    pairs = [[row for row in analysed(shared, clip, detector)[0] if row["has_face"]] for detector in AT_LEAST]
    widths = np.array([row["x1_px"] - row["x0_px"] for row in pairs[1]])
    assert (np.linalg.norm(centres(pairs[0]) - centres(pairs[1]), axis=1) < 0.35 * widths).mean() >= 0.95
    openings = [np.array([row["mouth_opening"] or 0.0 for row in rows]) for rows in pairs]
    assert np.median(np.abs(openings[0] - openings[1])) < 0.03


@pytest.mark.parametrize("detector", ["mediapipe", "retinaface"])
def test_two_people_and_cuts(shared, detector):
    (solo,) = analysed(shared, TWO_PEOPLE, detector)
    left, right = analysed(shared, TWO_PEOPLE, detector, TWO)
    counts = [sum(row["has_face"] for row in rows) for rows in (solo, left, right)]
    assert len(solo) == len(left) == len(right) == 46
    assert all(count >= least for count, least in zip(counts, AT_LEAST[detector], strict=True))
    for rows, side in ((left, 0), (right, 1)):
        for frames, columns in SHOTS.items():
            seen = [row for row in rows if row["has_face"] and row["frame"] in frames]
            x_px = centres(seen)[:, 0] if seen else np.empty(0)
            assert columns[side] is None or ((x_px > columns[side][0]) & (x_px < columns[side][1])).all()
            assert columns[side] is not None or len(seen) == 0
    both = [pair for pair in zip(left, right, strict=True) if pair[0]["has_face"] and pair[1]["has_face"]]
    assert len(both) >= 3
    assert all(one["x0_px"] < other["x0_px"] for one, other in both)


def test_two_real_people_who_pass_each_other_are_not_swapped(shared, tmp_path):
    """Two speakers in one picture: the one above goes from left to right, the one below the other way."""
    clips = [
        [frame.bgr for frame in sample_frames(shared / "media" / "grid" / f"{name}.mpg", 25)]
        for name in ("bbaf2n", "brbk7n")
    ]
    frames = []
    for step, (above, below) in enumerate(zip(*clips, strict=True)):
        picture = np.full((576, 720, 3), 60, np.uint8)
        picture[:288, 5 * step : 5 * step + 360] = above[:288, :360]
        picture[288:, 360 - 5 * step : 720 - 5 * step] = below[:288, :360]
        frames.append(picture)
        if step == 72:
            break
    clip = write_clip(tmp_path / "passing.mp4", frames, Fraction(25), encoder={"crf": "18"})
    people = [Subject(sample, side) for side, sample in TWO]
    left, right = zip(*analyse_video(clip, people, FacesConfig.model_validate(DEFAULT), threads=1), strict=True)
    assert all(row["has_face"] for row in (*left, *right))
    assert (centres(left)[:, 1] < 288).all() and (centres(right)[:, 1] > 288).all()
    assert centres(left)[0, 0] < centres(right)[0, 0] and centres(left)[-1, 0] > centres(right)[-1, 0]


@pytest.mark.parametrize("detector", ["mediapipe", "retinaface"])
def test_mouths_that_speak_open_and_close(shared, detector):
    (rows,) = analysed(shared, "crema-d/1001_DFA_ANG_XX.flv", detector)
    openings = [row["mouth_opening"] for row in rows]
    assert openings[0] < 0.05 < 0.3 < max(openings)
    (smile,) = analysed(shared, "pexels/single_face.mp4", detector)
    assert smile[0]["mouth_opening"] < 0.05 < 0.15 < smile[-1]["mouth_opening"]


@pytest.mark.parametrize(
    ("photo", "detector", "faces"),
    [
        ("two-people/obama_and_biden.jpg", "mediapipe", 2),
        ("two-people/obama_and_biden.jpg", "retinaface", 3),  # with the child in the shade behind them
        ("pexels/multi_face.jpg", "mediapipe", 5),
        ("pexels/multi_face.jpg", "retinaface", 5),
    ],
)
def test_photos(shared, photo, detector, faces):
    image = cv2.imread(str(shared / "media" / photo))
    found = detector_of(detector, shared).detect(image)
    assert len(found) == faces
    for one in found:
        inside = (one.points[:3] > one.box[:2]) & (one.points[:3] < one.box[2:])
        assert inside.all()
        assert one.points[0, 0] < one.points[1, 0]
