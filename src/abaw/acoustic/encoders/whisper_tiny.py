"""Whisper tiny.en out of a package that carries it in CTranslate2's form: OpenAI's weights, read as data."""

import re
from copy import deepcopy

import torch
from torch import Tensor
from transformers import WhisperConfig, WhisperModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from abaw.weights.ctranslate2 import read_arrays
from abaw.weights.manifest import check, known, package_file

NAME = "whisper_tiny_en"
"""In the configuration and in `resources/weights.yaml`."""
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
_RENAMED = {
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
_JOINED = {"self_attention/linear_0": ("self_attn", "qkv"), "attention/linear_0": ("encoder_attn", "q")}
_JOINED |= {"attention/linear_1": ("encoder_attn", "kv")}
"""Projections that CTranslate2 keeps in one matrix, one below the other."""


def load_encoder_network() -> WhisperEncoder:
    """The encoder alone, with its weights; `UserError` where the package is missing or has another file."""
    network = WhisperEncoder(deepcopy(FORM))
    network.load_state_dict(_state("encoder/"))
    return network.eval()


def load_whole_network() -> WhisperModel:
    """Encoder and decoder, which say what was heard: the proof that the weights are read rightly."""
    network = WhisperModel(deepcopy(FORM))
    network.encoder.load_state_dict(_state("encoder/"))
    network.decoder.load_state_dict(_state("decoder/"))
    return network.eval()


def _state(part: str) -> dict[str, Tensor]:
    """The tensors of a part by the names that they have in transformers."""
    weights = known(NAME)
    path = package_file(weights)
    check(weights, path)
    found: dict[str, Tensor] = {}
    for name, array in read_arrays(path, part).items():
        if array.ndim:  # what is a single number describes the form
            found |= _renamed(name.removeprefix(part), torch.from_numpy(array.astype("float32")))
    return found


def _renamed(name: str, values: Tensor) -> dict[str, Tensor]:
    layer, _, end = name.partition("/")
    joined, _, kind = end.rpartition("/")
    if joined in _JOINED:
        place, letters = _JOINED[joined]
        parts = values.chunk(len(letters))
        names = [f"layers.{layer.removeprefix('layer_')}.{place}.{letter}_proj.{kind}" for letter in letters]
        # Whisper's keys have no bias; the form has zeros there.
        return {one: part for one, part in zip(names, parts, strict=True) if not one.endswith("k_proj.bias")}
    for old, new in _RENAMED.items():
        name = re.sub(rf"(?<![a-z_]){old}", new, name)
    return {name.replace("/", "."): values}
