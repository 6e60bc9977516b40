"""Faces turned upright, and what networks that recognise them must be."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import small_recogniser

from abaw.faces.recognition import PLACES_PX, SIDE_PX, Recogniser, upright
from abaw.running.errors import UserError
from abaw.weights.manifest import Weights, weights_of_recogniser

ENTRY = Weights(
    name="small",
    file="small.onnx",
    url="http://example.org/small.onnx",
    sha256="0" * 64,
    licence="none",
    input="RGB",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
)


@given(turn=st.floats(-np.pi, np.pi), scale=st.floats(0.4, 2.5), x=st.floats(40, 200), y=st.floats(40, 200))
def test_points_of_a_turned_face_come_to_their_places(turn, scale, x, y):
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (PLACES_PX - SIDE_PX / 2) @ rotation.T + (x, y)
    picture = np.zeros((400, 400, 3), np.uint8)
    rows, columns = np.mgrid[:400, :400]
    at = (np.stack([columns, rows], axis=-1) - (x, y)) @ np.linalg.inv(rotation).T + SIDE_PX / 2
    picture[..., 0] = np.clip(at[..., 0], 0, 255)  # each pixel says where it should come to
    picture[..., 1] = np.clip(at[..., 1], 0, 255)
    found = upright(picture, points)
    assert found.shape == (SIDE_PX, SIDE_PX, 3)
    there = found[..., :2].any(axis=-1)  # what lies outside of the picture is black
    expected = np.stack(np.meshgrid(np.arange(SIDE_PX), np.arange(SIDE_PX)), axis=-1)
    apart = np.abs(found[..., :2].astype(int) - expected)[there & (expected > 2).all(axis=-1)]
    assert there.any() and np.quantile(apart, 0.9) <= 2


def test_embeddings_have_length_one_and_do_not_depend_on_the_others(tmp_path):
    recogniser = Recogniser(small_recogniser(tmp_path / "small.onnx"), ENTRY, 1, "cpu")
    single = Recogniser(small_recogniser(tmp_path / "single.onnx", batch=1), ENTRY, 1, "cpu")
    faces = np.random.default_rng(1).integers(0, 256, (3, SIDE_PX, SIDE_PX, 3), np.uint8)
    found = recogniser.embed(faces)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    assert found == pytest.approx(single.embed(faces), abs=1e-6)
    assert found[1:2] == pytest.approx(recogniser.embed(faces[1:2]), abs=1e-6)
    assert found[0] @ found[1] < 0.9


def test_pixels_go_in_as_the_manifest_says(tmp_path):
    path = small_recogniser(tmp_path / "small.onnx")
    scaled = ENTRY.model_copy(update={"mean": (100.0, 100.0, 100.0), "std": (50.0, 50.0, 50.0)})
    faces = np.random.default_rng(1).integers(0, 256, (2, SIDE_PX, SIDE_PX, 3), np.uint8)
    by_hand = (faces.astype(np.float32) - 100) / 50
    plain = Recogniser(path, ENTRY, 1, "cpu")
    assert Recogniser(path, scaled, 1, "cpu").embed(faces) == pytest.approx(plain.embed(by_hand), abs=1e-6)


def test_another_network_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "other.onnx"
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 64, 64])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3, 64, 64])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Abs", ["x"], ["y"])], "other", [given], [out])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(UserError, match="is no network that recognises faces; expected is one input of n x 3 x 112"):
        Recogniser(path, ENTRY, 1, "cpu")


def test_the_manifest_knows_sface_and_refuses_what_is_no_recogniser():
    assert weights_of_recogniser("sface").licence == "Apache-2.0"
    with pytest.raises(
        UserError, match=r"predict.recogniser is efficientnet_lite0, expected an entry .* such as sface"
    ):
        weights_of_recogniser("efficientnet_lite0")
