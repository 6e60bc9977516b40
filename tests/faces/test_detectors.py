"""The detectors: RetinaFace in torch and in ONNX Runtime, insightface's files, batches, and decoding ahead."""

import threading
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
import yaml
from clips import write_clip
from networks import RETINAFACE, exported_retinaface, real_retinaface, write_insightface
from skimage import data

from abaw.config import FacesConfig
from abaw.faces.crop import decode_crop
from abaw.faces.detectors import make_detector
from abaw.faces.mediapipe import MediaPipeDetector
from abaw.faces.pipeline import analyse_video
from abaw.faces.retinaface import RetinaFaceDetector, load_forward, prior_boxes
from abaw.faces.retinaface_network import RetinaFace, eager, export_network, load_network
from abaw.faces.stream import ahead, detected_frames
from abaw.faces.subjects import Subject
from abaw.media.video import sample_frames
from abaw.pretraining.cropping import crop_faces
from abaw.pretraining.items import Item, items_table
from abaw.running.errors import UserError
from abaw.weights.manifest import known

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text())["faces"]
ASTRONAUT = np.ascontiguousarray(data.astronaut()[..., ::-1])
BOX_PX, SCORE = 0.5, 1e-3
"""How far two ways through RetinaFace may lie apart."""


def small_network() -> RetinaFace:
    """The network with random weights."""
    torch.manual_seed(0)
    return RetinaFace((104.0, 117.0, 123.0)).eval()


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (1, 1)])
def test_the_network_gives_one_output_for_each_prior_box(size):
    with torch.inference_mode():
        offsets, scores, points = small_network()(torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8))
    n_priors = len(prior_boxes(*size))
    assert (offsets.shape, scores.shape, points.shape) == ((2, n_priors, 4), (2, n_priors), (2, n_priors, 10))
    assert ((scores >= 0) & (scores <= 1)).all()


def test_prior_boxes_by_hand():
    priors = prior_boxes(16, 24)
    assert priors[:3].tolist() == [[4, 4, 16], [4, 4, 32], [12, 4, 16]]
    assert priors[-2:].tolist() == [[16, 16, 256], [16, 16, 512]]
    assert len(priors) == 2 * (2 * 3 + 1 * 2 + 1 * 1)


def test_outputs_are_decoded_by_hand():
    """One prior of side 16 around (4, 4), moved and stretched."""

    def forward(images):
        n_priors = len(prior_boxes(*images.shape[1:3]))
        offsets, scores, points = np.zeros((1, n_priors, 4)), np.zeros((1, n_priors)), np.zeros((1, n_priors, 10))
        scores[0, 0] = 0.9
        offsets[0, 0] = 5, 2.5, np.log(1.5) / 0.2, 0  # the centre to (12, 8), 24 wide, 16 high
        points[0, 0, 0] = 5
        return offsets, scores, points

    (found,) = RetinaFaceDetector(forward, 0.5, None).detect(np.zeros((32, 48, 3), np.uint8))
    assert found.box == pytest.approx([0, 0, 24, 16])
    assert found.points[:2].tolist() == [[12, 4], [4, 4]]
    (found,) = RetinaFaceDetector(forward, 0.5, 24).detect(np.zeros((32, 48, 3), np.uint8))  # the network sees half
    assert found.box == pytest.approx([0, 0, 48, 32])
    assert found.points[0].tolist() == [24, 8]


def test_weights_that_are_missing_or_others_are_refused(tmp_path):
    path = tmp_path / "mobilenet0.25_Final.pth"
    with pytest.raises(UserError, match=r"mobilenet0\.25_Final\.pth cannot be read"):
        load_network(known(RETINAFACE), path)
    torch.save(small_network().state_dict(), path)
    with pytest.raises(UserError, match=r"has the sha256 .*, expected 2979b33f"):
        load_network(known(RETINAFACE), path)


def test_the_exported_network_is_the_network(tmp_path):
    network = small_network()
    export_network(network, tmp_path / "one.onnx")
    export_network(network, tmp_path / "two.onnx")
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    forward, _ = load_forward(tmp_path / "one.onnx", 1, "cpu")
    rng = np.random.default_rng(0)
    for shape in ((1, 64, 96, 3), (3, 90, 130, 3), (2, 33, 17, 3)):
        images = rng.integers(0, 256, shape, np.uint8)
        for ours, torchs in zip(forward(images), eager(network)(images), strict=True):
            assert ours.shape == torchs.shape
            assert np.abs(ours - torchs).max() < 1e-4


def frames_of_footage(shared, count):
    """So many frames, spread over all clips and over each."""
    clips = sorted(path for path in (shared / "media").rglob("*") if path.suffix in (".mp4", ".mov", ".flv", ".mpg"))
    frames = []
    for clip in clips:
        with av.open(str(clip)) as container:
            every = [one.to_ndarray(format="bgr24") for one in islice(container.decode(video=0), 0, None, 5)]
        frames += [every[k] for k in np.linspace(0, len(every) - 1, -(-count // len(clips))).astype(int)]
    return frames[:count]


@pytest.mark.parametrize(("side_px", "count"), [(512, 200), (None, 9)])
def test_onnx_and_torch_agree_on_real_frames(shared, side_px, count):
    torch.set_num_threads(1)
    forward, _ = load_forward(exported_retinaface(shared), 1, "cpu")
    ours = RetinaFaceDetector(forward, 0.8, side_px)
    plain = RetinaFaceDetector(eager(real_retinaface(shared)), 0.8, side_px)
    frames, faces = frames_of_footage(shared, count), 0
    for image in frames:
        pair = ours.detect(image), plain.detect(image)
        assert len(pair[0]) == len(pair[1])
        for one, other in zip(*pair, strict=True):
            assert np.abs(one.box - other.box).max() < BOX_PX
            assert np.abs(one.points - other.points).max() < BOX_PX
            assert abs(one.score - other.score) < SCORE
            faces += 1
    assert len(frames) == count
    assert faces > 0.7 * count


def test_batches_and_threads_change_nothing(shared):
    path = exported_retinaface(shared)
    views = [ASTRONAUT[:300, :400], ASTRONAUT[20:320, 30:430], ASTRONAUT[:300, 100:500]]
    one_thread, two_threads = (
        RetinaFaceDetector(load_forward(path, threads, "cpu")[0], 0.5, None) for threads in (1, 2)
    )
    alone = [one_thread.detect(view) for view in views]
    assert [len(found) for found in alone] == [1, 1, 1]
    for detector in (one_thread, two_threads):
        for found, expected in zip(detector.detect_batch(views), alone, strict=True):
            assert np.abs(found[0].box - expected[0].box).max() < 1e-3
            assert abs(found[0].score - expected[0].score) < 1e-5
    for view, expected in zip(views, alone, strict=True):
        assert two_threads.detect(view)[0].box.tobytes() == expected[0].box.tobytes()


def test_a_smaller_view_moves_boxes_little(shared):
    big = cv2.resize(ASTRONAUT, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)
    forward, _ = load_forward(exported_retinaface(shared), 1, "cpu")
    (whole,) = RetinaFaceDetector(forward, 0.5, None).detect(big)
    (small,) = RetinaFaceDetector(forward, 0.5, 512).detect(big)
    assert np.abs(whole.box - small.box).max() < 0.06 * whole.side_px


def settings_of(detector, **changes):
    return FacesConfig.model_validate(DEFAULT | {"detector": detector, "weights": "x"} | changes)


@pytest.mark.parametrize("points", [True, False])
def test_insightface_finds_what_its_file_says(tmp_path, points):
    path = write_insightface(tmp_path / "det.onnx", points)
    detector = make_detector(settings_of("insightface", min_score=0.6), 1, path)
    image = np.zeros((640, 640, 3), np.uint8)
    image[320:352, 160:192] = 255  # the cell (5, 10) of stride 32
    (found,) = detector.detect(image)
    assert found.box.tolist() == [128, 288, 192, 352]
    assert found.score > 0.9
    if points:
        assert found.points.tolist() == [[168, 328]] * 5
    else:
        assert np.isnan(found.points).all()
    (half,) = detector.detect(np.ascontiguousarray(image[::2, ::2]))  # fitted into 640 x 640 again
    assert half.box == pytest.approx(found.box / 2, abs=1)
    assert detector.detect(np.zeros((480, 640, 3), np.uint8)) == []
    assert [len(faces) for faces in detector.detect_batch([image, image * 0])] == [1, 0]


def test_pre_training_faces_are_found_by_the_same_detector(tmp_path):
    image = np.zeros((640, 640, 3), np.uint8)
    image[320:352, 160:192] = 255
    cv2.imwrite(str(tmp_path / "bright.png"), image)
    rows = items_table("raf_db", [Item(tmp_path / "bright.png", expression=4)]).to_pylist()
    chosen = settings_of("insightface", min_score=0.6, margin_px=0)
    [row] = crop_faces("raf_db", rows, chosen, "original", 1, write_insightface(tmp_path / "det.onnx"))
    assert decode_crop(row["crop"]).shape == (64, 64, 3)


def test_files_that_are_no_network_are_refused(tmp_path):
    nothing = tmp_path / "det.onnx"
    nothing.write_bytes(b"no network")
    for detector in ("retinaface", "insightface"):
        with pytest.raises(UserError, match=r"det\.onnx cannot be read as an ONNX network"):
            make_detector(settings_of(detector), 1, nothing)
        with pytest.raises(UserError, match="needs the file of its network"):
            make_detector(settings_of(detector), 1)
    export_network(small_network(), tmp_path / "retinaface.onnx")
    with pytest.raises(UserError, match="is no face detector of insightface"):
        make_detector(settings_of("insightface"), 1, tmp_path / "retinaface.onnx")
    with pytest.raises(UserError, match="is not a RetinaFace network"):
        make_detector(settings_of("retinaface"), 1, write_insightface(nothing))


def test_what_is_ahead_is_bounded_and_ends_with_its_reader():
    made = []

    def endless():
        for number in range(10**6):
            made.append(number)
            yield number

    items = ahead(endless(), 3)
    assert list(islice(items, 5)) == [0, 1, 2, 3, 4]
    items.close()
    assert len(made) <= 5 + 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPool")]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A face that moves for a second, 512 x 384."""
    frames = [np.ascontiguousarray(ASTRONAUT[:384, :][:, np.arange(512) - 4 * k]) for k in range(25)]
    return write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", frames, Fraction(25), encoder={"crf": "18"})


def test_decoding_ahead_gives_the_same_faces(clip):
    detector = MediaPipeDetector(0.7)
    alone, overlapped = (list(detected_frames(clip, 5.0, detector, threads)) for threads in (1, 2))
    assert [look.frame.number for look in alone] == [1, 6, 11, 16, 21]
    for look, other in zip(alone, overlapped, strict=True):
        assert (look.frame.number, look.time_s) == (other.frame.number, other.time_s)
        assert look.frame.bgr.tobytes() == other.frame.bgr.tobytes()
        assert [face.box.tobytes() for face in look.faces] == [face.box.tobytes() for face in other.faces]
        assert len(look.faces) == 1


def test_crops_are_cut_from_the_whole_frame_whatever_the_network_sees(clip):
    def forward(images):
        assert images.shape == (1, 96, 128, 3)
        n_priors = len(prior_boxes(*images.shape[1:3]))
        scores = np.zeros((1, n_priors))
        scores[0, 2 * (4 * 16 + 5) + 1] = 0.9  # the prior of side 32 around (44, 36) of a quarter of the frame
        return np.zeros((1, n_priors, 4)), scores, np.zeros((1, n_priors, 10))

    chosen = settings_of("retinaface", margin_px=15, jpeg_quality=95)
    rows = list(analyse_video(clip, [Subject("solo", None)], chosen, 1, RetinaFaceDetector(forward, 0.5, 128)))
    frames = [frame.bgr for frame in sample_frames(clip, 5.0)]
    for (row,), frame in zip(rows, frames, strict=True):
        assert [row[name] for name in ("x0_px", "y0_px", "x1_px", "y1_px")] == [112, 80, 240, 208]
        crop = decode_crop(row["crop"])
        assert crop.shape == (128 + 30, 128 + 30, 3)
        assert np.abs(crop[..., ::-1].astype(int) - frame[65:223, 97:255]).mean() < 3
