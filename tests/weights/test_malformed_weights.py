"""Weights and cards that somebody damaged, mixed up or made up: a sentence each, with the file's name."""

import json
import pickle
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from abaw.config import BackboneConfig
from abaw.functional.model import load_model
from abaw.nn import checkpoint
from abaw.running.errors import UserError
from abaw.static.imagenet import PACKAGE_BACKBONE, load_backbone_weights
from abaw.static.model import StaticModel, start_from
from abaw.static.spec import StaticSpec
from abaw.weights.cards import read_card
from abaw.weights.manifest import sha256_of

FORM = {"backbone": PACKAGE_BACKBONE, "weights": "package", "input_px": 64, "dropout": 0.1, "drop_path": 0.0}
FORM |= {"grey": False, "mirrored": False, "crop_scales": [1.0], "input_scales": [1.0], "frozen": False}
SPEC = StaticSpec.of(("va", "expr"), BackboneConfig(**FORM))
NAME = "heads.va.0.bias"


@pytest.fixture(scope="module")
def model() -> StaticModel:
    return StaticModel(SPEC)


@pytest.fixture(scope="module")
def good(model, tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("good")
    checkpoint.save(model, SPEC.as_card(), folder / "model.safetensors", folder / "card.json")
    return folder / "model.safetensors", folder / "card.json"


def header_of(content: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(content: bytes, change) -> bytes:
    header, data = header_of(content)
    change(header)
    said = json.dumps(header).encode()
    return struct.pack("<Q", len(said)) + said + data


def reach(header: dict) -> None:
    header[NAME]["data_offsets"] = [0, 1 << 60]


def overlap(header: dict) -> None:
    header[NAME]["data_offsets"] = header["heads.expr.0.bias"]["data_offsets"]


def kind(header: dict) -> None:
    header[NAME]["dtype"] = "PICKLE"


def shape(header: dict) -> None:
    header[NAME]["shape"] = [-1]


DAMAGES = {
    "empty": lambda content: b"",
    "seven bytes": lambda content: content[:7],
    "half": lambda content: content[: len(content) // 2],
    "one byte less": lambda content: content[:-1],
    "one byte more": lambda content: content + b"x",
    "a header without an end": lambda content: struct.pack("<Q", 1 << 62) + content[8:],
    "a header that is no JSON": lambda content: content[:8] + b"}" + content[9:],
    "zeros": lambda content: bytes(len(content)),
    "a pickle": lambda content: pickle.dumps({"a": 1}),
    "a page of a website": lambda content: b"<!DOCTYPE html><html>not found</html>",
    "a pointer of Git LFS": lambda content: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
    "an offset beyond the file": lambda content: with_header(content, reach),
    "two tensors in one place": lambda content: with_header(content, overlap),
    "an unknown kind of number": lambda content: with_header(content, kind),
    "a negative shape": lambda content: with_header(content, shape),
    "a tensor less": lambda content: with_header(content, lambda header: header.pop(NAME)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_weights_is_a_sentence(model, good, tmp_path, damage):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(DAMAGES[damage](good[0].read_bytes()))
    with pytest.raises(UserError, match=r"the weights .*mine\.safetensors do not fit StaticModel"):
        checkpoint.load_state(model, path)
    with pytest.raises(UserError, match=r"mine\.safetensors has the sha256 .*, but its card says"):
        checkpoint.load(model, path, read_card(good[1]))


CHANGES = {
    "another name": lambda state: {"bias": state.pop(NAME)} | state,
    "one more": lambda state: state | {"more": torch.zeros(1)},
    "another shape": lambda state: state | {NAME: torch.zeros(3)},
    "a tensor less": lambda state: {name: tensor for name, tensor in state.items() if name != NAME},
}


@pytest.mark.parametrize("change", CHANGES)
def test_tensors_of_another_form_are_a_sentence(good, tmp_path, change):
    path = tmp_path / "mine.safetensors"
    save_file(CHANGES[change](load_file(good[0])), path)
    card = read_card(good[1]) | {"sha256": sha256_of(path)}
    with pytest.raises(UserError, match=r"the weights .*mine\.safetensors do not fit StaticModel"):
        start_from(StaticModel(SPEC), SPEC, path, card)


def test_a_path_without_a_file_and_one_that_is_a_folder(model, tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        settings = BackboneConfig(**FORM | {"weights": str(path)})
        with pytest.raises(UserError, match=f"the weights {path} do not fit"):
            load_backbone_weights(model, settings)


CARDS = {
    b"": "cannot be read",
    b"{": "cannot be read",
    b"\xff\xfe{}": "cannot be read",
    b"[" * 100_000: "cannot be read",
    b"[]": "holds a list, expected an object",
    b"null": "holds a NoneType, expected an object",
    b'"card"': "holds a str, expected an object",
    b"NaN": "holds a float, expected an object",
}


@pytest.mark.parametrize("content", CARDS, ids=lambda content: repr(content[:8]))
def test_a_card_that_is_none_is_a_sentence(tmp_path, content):
    (tmp_path / "card.json").write_bytes(content)
    with pytest.raises(UserError, match=rf"the card .*card\.json {CARDS[content]}"):
        read_card(tmp_path / "card.json")


def test_a_card_that_is_not_there_and_what_it_does_not_say(good, tmp_path):
    with pytest.raises(UserError, match=r"the card .*none\.json cannot be read"):
        read_card(tmp_path / "none.json")
    (tmp_path / "card.json").write_text("{}")
    card = read_card(tmp_path / "card.json")
    for asks in (
        lambda: StaticSpec.from_card(card),
        lambda: checkpoint.load(StaticModel(SPEC), good[0], card),
        lambda: load_model(good[0], card),
    ):
        with pytest.raises(UserError, match=r"the card .*card\.json does not say its (tasks|sha256)"):
            asks()


@pytest.mark.parametrize(
    "wrong",
    [
        {"backbone": "hf_hub:somebody/model"},
        {"backbone": "efficientnet_b99"},
        {"backbone": 3},
        {"tasks": ["va", "pain"]},
        {"tasks": "va"},
        {"input_px": "large"},
        {"input_px": None},
        {"mean": [0.5, 0.5]},
        {"std": "imagenet"},
        {"dropout": []},
    ],
    ids=str,
)
def test_a_card_that_says_what_no_model_can_be_is_a_sentence(good, wrong):
    card = read_card(good[1])
    card.update(wrong)
    (value,) = wrong.values()
    with pytest.raises(UserError, match=r"the card of a frame-level model (is wrong|has)") as caught:
        StaticModel(StaticSpec.from_card(card))
    assert repr(value) in str(caught.value) or repr(value[-1]) in str(caught.value)


def test_a_card_of_another_model_is_a_sentence(good, tmp_path):
    card = json.loads(good[1].read_text()) | {"tasks": ["va"]}
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match=r"with heads for va, expected tf_efficientnet_lite0\.in1k and va, expr"):
        start_from(StaticModel(SPEC), SPEC, good[0], read_card(tmp_path / "card.json"))
    shutil.copy(good[0], tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read \('coef'\)|does not say its kernel"):
        load_model(tmp_path / "model.safetensors", read_card(good[1]))
