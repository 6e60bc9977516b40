"""The mouth's area and the two rules of when it speaks."""

import gc
import itertools
import weakref
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage import data

from abaw.config import GateConfig
from abaw.faces.crop import crop_region
from abaw.faces.detection import Detection
from abaw.faces.mediapipe import MediaPipeDetector
from abaw.faces.mouth import MouthMeter, Place, strip_area
from abaw.faces.solutions import FaceDetection, FaceMesh, face_detection, face_mesh, solution_base, start
from abaw.media.video import sample_frames
from abaw.speech.authors_gate import WINDOW_ROWS, kept_rows, open_flags
from abaw.speech.gate import authors_runs, gated_runs

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text(encoding="utf-8"))
FACE = np.ascontiguousarray(data.astronaut()[55:195, 155:295])
WHERE = (0, 0), FACE.shape[1::-1]
"""The face's crop is the whole picture."""


def flags_by_the_book(areas):
    """The authors' flags as one would write them down, a row at a time."""
    seen = [k for k, area in enumerate(areas) if not np.isnan(area)]
    mean = sum(areas[k] for k in seen) / len(seen) if seen else 0.0
    flags = [False] * len(areas)
    for place, k in enumerate(seen):
        last = [areas[one] for one in seen[place - WINDOW_ROWS + 1 : place + 1]] if place >= WINDOW_ROWS - 1 else []
        flags[k] = bool(last) and sum(last) / WINDOW_ROWS > mean
    return flags


def test_the_strip_is_the_polygon_where_the_lips_do_not_cross():
    upper = np.array([[0, 0], [1, -1], [3, -2], [5, -1], [6, 0.0]])
    lower = np.array([[0, 0], [1.5, 1], [3, 1.5], [4.5, 1], [6, 0.0]])
    outline = np.concatenate([upper, lower[::-1]]).astype(np.float32)
    assert strip_area(upper, lower) == pytest.approx(cv2.contourArea(outline))
    assert strip_area(lower, upper) == pytest.approx(strip_area(upper, lower))


def test_the_area_opens_with_the_mouth_and_is_a_share_of_the_crop():
    meter = MouthMeter()
    line = int(meter.measure(FACE).corners[:, 1].mean()) + 2
    mouths = []
    for rows in (0, 4, 8):
        lips = cv2.resize(FACE[line - 4 : line + 4], (FACE.shape[1], 8 + rows))
        mouths.append(meter.measure(np.vstack([FACE[: line - 4], lips, FACE[line + 4 :]])))
    areas = [mouth.area for mouth in mouths]
    assert 0 < areas[0] < areas[1] < areas[2] < 0.05
    wide = meter.measure(np.ascontiguousarray(cv2.copyMakeBorder(FACE, 0, 0, 70, 70, cv2.BORDER_REPLICATE)))
    assert wide.area == pytest.approx(meter.measure(FACE).area / 2, rel=0.3)  # the crop is twice as wide


def turned(degrees):
    """The face rolled about its middle, and what the detector finds of it."""
    around = cv2.getRotationMatrix2D((70, 70), degrees, 1)
    rgb = cv2.warpAffine(FACE, around, FACE.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    [face] = MediaPipeDetector(0.5).detect(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return rgb, face


@pytest.mark.parametrize("degrees", [-25, 0, 25])
def test_where_box_and_eyes_say_a_mouth_is_nearly_the_same(degrees):
    meter = MouthMeter(by_faces=True)
    rgb, face = turned(degrees)
    found, placed = meter.measure(rgb), meter.measure(rgb, Place.of(face, *WHERE))
    assert placed.opening == pytest.approx(found.opening, abs=0.02)
    assert placed.corners == pytest.approx(found.corners, abs=2)
    wide = cv2.copyMakeBorder(rgb, 30, 0, 20, 0, cv2.BORDER_REPLICATE)
    moved = meter.when_asked(lambda: wide, face, (-20, -30), WHERE[1])()
    assert moved.corners - [20, 30] == pytest.approx(placed.corners, abs=2)


def test_where_no_face_is_at_its_place_or_no_place_is_known_it_is_sought(monkeypatch):
    meter, (_, face) = MouthMeter(by_faces=True), turned(0)
    found, place = meter.measure(FACE), Place.of(face, *WHERE)
    lost = replace(place, x_px=-500.0, side_px=20.0)
    assert np.array_equal(meter.measure(FACE, lost).corners, found.corners)
    assert meter.measure(np.full_like(FACE, 90), place) is None
    blind = replace(face, points=np.full_like(face.points, np.nan))
    assert Place.of(blind, *WHERE) is None
    assert np.array_equal(meter.when_asked(lambda: FACE, blind, *WHERE)().corners, found.corners)
    other = MouthMeter()
    monkeypatch.setattr(other, "_mesh", meter._mesh)
    assert np.array_equal(other.when_asked(lambda: FACE, face, *WHERE)().corners, found.corners)  # not by faces


def test_where_the_picture_s_edge_cuts_a_face_its_mesh_is_sought():
    """Its box ends there, so its middle is another: laid by it, the mesh hung too low."""
    meter, seen = MouthMeter(by_faces=True), np.ascontiguousarray(FACE[50:])
    picture_px = seen.shape[1::-1]
    [face] = MediaPipeDetector(0.5).detect(cv2.cvtColor(seen, cv2.COLOR_RGB2BGR))
    assert face.box[1] == 0
    cut = meter.when_asked(lambda: seen, face, (0, 0), picture_px)()
    assert cut.corners == pytest.approx(meter.measure(FACE).corners - [0, 50], abs=2)
    for end in range(4):
        ended = replace(face, box=np.where(np.arange(4) == end, [0, 0, *picture_px], [9, 9, 80, 80]))
        assert Place.of(ended, (0, 0), picture_px) is None


def test_of_a_face_from_the_side_the_mesh_is_sought(shared):
    """Laid by box and eyes, it took the nose for the mouth."""
    *_, picture = itertools.islice(sample_frames(shared / "media/two-people/short_hamilton_clip.mp4", 30, 1), 241)
    meter, height, width = MouthMeter(by_faces=True), *picture.bgr.shape[:2]
    found = MediaPipeDetector(0.5).detect(picture.bgr)
    [face] = [face for face in found if 300 < face.box[0] < 320]
    x0, y0, x1, y1 = crop_region(face.box, 15, width, height)
    seen = np.ascontiguousarray(picture.bgr[y0:y1, x0:x1, ::-1])
    sought = meter.measure(seen).corners
    assert np.array_equal(meter.when_asked(lambda: seen, face, (x0, y0), (width, height))().corners, sought)
    apart = replace(face, points=(face.points - face.centre) * [2, 1] + face.centre)
    assert abs(meter.measure(seen, Place.of(apart, (x0, y0), (width, height))).corners - sought).max() > 5


def test_a_long_box_is_as_good_a_place_as_a_square():
    meter, (_, face) = MouthMeter(), turned(0)
    reach = (face.box[2:] - face.box[:2]) * [0.86, 1.29] / 2  # RetinaFace's, beside MediaPipe's
    middle = face.centre - [0, 0.14 * face.side_px]
    long = replace(face, box=np.concatenate([middle - reach, middle + reach]))
    found, placed = (meter.measure(FACE, Place.of(one, *WHERE)) for one in (face, long))
    assert placed.opening == pytest.approx(found.opening, abs=0.01)
    assert placed.corners == pytest.approx(found.corners, abs=0.8)


@pytest.mark.parametrize("degrees", [-25, 0, 25])
def test_the_place_is_mediapipe_s_own(degrees):
    """What its graph for images makes of its own detector's box and eyes."""
    rgb, _ = turned(degrees)
    options = {"outputs": ["face_rects_from_detections"], "side_inputs": {"num_faces": 1, "with_attention": False}}
    options["side_inputs"]["use_prev_landmarks"] = False
    with solution_base.SolutionBase(binary_graph_path=face_mesh._BINARYPB_FILE_PATH, **options) as graph:
        [rect] = graph.process({"image": rgb}).face_rects_from_detections
    [found] = start(FaceDetection, model_selection=0).process(rgb).detections
    box, eyes = found.location_data.relative_bounding_box, found.location_data.relative_keypoints[:2]
    ends = np.array([box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height]) * 140
    points = np.full((5, 2), np.nan)
    points[:2] = [(eye.x * 140, eye.y * 140) for eye in eyes]
    place = Place.of(Detection(ends, 1.0, points), *WHERE).within(rgb, 0)
    for name in ("x_center", "y_center", "width", "height", "rotation"):
        assert getattr(place, name) == pytest.approx(getattr(rect, name), abs=2e-4), name  # its boxes are nearly square


def test_graphs_in_the_caller_s_thread_give_mediapipe_s_own_bits():
    for ours, theirs, options, name in [
        (FaceMesh, face_mesh.FaceMesh, {"static_image_mode": True}, "multi_face_landmarks"),
        (FaceDetection, face_detection.FaceDetection, {"model_selection": 0}, "detections"),
        (FaceDetection, face_detection.FaceDetection, {"model_selection": 1}, "detections"),
    ]:
        found = [getattr(start(kind, **options).process(data.astronaut()), name) for kind in (ours, theirs)]
        assert len(found[0]) == 1 and [str(one) for one in found[0]] == [str(one) for one in found[1]]


def test_what_is_measured_is_let_go_without_a_collection():
    meter = MouthMeter()
    place = Place.of(turned(0)[1], *WHERE)
    gc.collect()
    gc.disable()
    try:
        for near in (None, place) * 3:
            meter.measure(FACE, near)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_the_authors_flags_on_their_own_areas(shared):
    files = sorted((shared / "media" / "open-mouth").glob("*.parquet"))
    assert files
    n_rows, different = 0, []
    for path in files:
        table = pq.read_table(path).to_pydict()
        samples = np.array(table["sample"])
        for sample in dict.fromkeys(table["sample"]):
            rows = np.flatnonzero(samples == sample)
            flags = open_flags(np.array(table["surface_area_mouth"])[rows])
            said = np.array(table["mouth_open"])[rows].astype(bool)
            frames = np.array(table["frame"])[rows]
            assert (np.diff(frames) > 0).all()
            different += [(path.name, sample, int(frame)) for frame in frames[flags != said]]
            n_rows += len(rows)
    assert different == []
    assert n_rows >= 300_000


AREAS = st.one_of(st.just(np.nan), st.integers(0, 50).map(lambda n: n / 1024))
"""Sums of these are exact, so that rounding decides no row."""


@given(arrays(np.float64, st.integers(0, 120), elements=AREAS))
def test_the_authors_flags_by_the_book(areas):
    assert open_flags(areas).tolist() == flags_by_the_book(areas.tolist())


@pytest.mark.parametrize(("rate_hz", "longest"), [(30, 14), (29.97, 14), (25, 12), (24.5, 12), (5, 2), (1, 0)])
def test_closed_runs_under_half_a_second_are_kept(rate_hz, longest):
    """A run of exactly half a second is not; the rate is rounded half up."""
    for closed in (longest, longest + 1):
        flags = np.array([True] * 60 + [False] * closed + [True] * 60)
        assert kept_rows(flags, rate_hz)[60 : 60 + closed].all() == (closed <= longest or closed == 0)
        assert kept_rows(flags, rate_hz)[:60].all()
    assert not kept_rows(np.zeros(40, bool), rate_hz).any()
    assert len(kept_rows(np.zeros(0, bool), rate_hz)) == 0
    assert kept_rows(np.array([False] * 2 + [True] * 58), 30).all()  # also at the beginning


def test_the_authors_runs_are_times():
    areas = np.full(200, 0.001)
    areas[60:100] = 0.02  # from 2 s to 3.33 s
    areas[110:150] = 0.02  # flags last longer, by the 30 rows that they look back
    areas[40] = np.nan
    runs = authors_runs(np.arange(200) / 30, areas)
    flags = open_flags(areas)
    assert not flags[:60].any()
    ((start_s, end_s),) = runs
    assert start_s == pytest.approx(np.flatnonzero(flags)[0] / 30 - 1 / 60)
    assert end_s == pytest.approx(np.flatnonzero(flags)[-1] / 30 + 1 / 60)
    assert authors_runs(np.zeros(0), np.zeros(0)) == []


def test_the_rules_differ_where_a_still_mouth_is_open_and_at_five_rows_a_second():
    """A smile of 10 s is speech by the authors' rule; and 30 rows are 6 s, which end long after the speech."""
    gate = GateConfig.model_validate(DEFAULT["speech"]["gate"])

    def moving(values):
        return gated_runs(times_s, values, np.full(150, np.nan), gate)

    times_s = np.arange(150) / 5
    smile = np.where((times_s >= 10) & (times_s < 20), 0.15, 0.01)
    assert sum(b - a for a, b in moving(smile)) < 2  # but for the smile's beginning and end
    assert sum(b - a for a, b in authors_runs(times_s, smile)) > 9
    talk = np.where((times_s >= 10) & (times_s < 12), 0.12 + 0.1 * (np.arange(150) % 2), 0.01)
    assert sum(b - a for a, b in moving(talk)) == pytest.approx(2, abs=0.7)
    assert authors_runs(times_s, talk)[-1][1] > 16


def test_an_image_that_is_not_copied_stays_while_mediapipe_reads_it_and_no_longer():
    """Else its place would be given back, and another picture laid there, under what still reads it."""
    detector = start(FaceDetection, model_selection=0)
    image = FACE.copy()
    image.flags.writeable = False
    alive = weakref.ref(image)
    packet = detector._make_packet(detector._input_stream_type_info["image"], image)
    del image
    assert alive() is not None
    del packet
    assert alive() is None
    image = FACE.copy()
    image.flags.writeable = False
    alive = weakref.ref(image)
    assert detector.process(image).detections
    del image
    assert alive() is None  # nor does a graph keep it until the next one comes
    detector.close()
