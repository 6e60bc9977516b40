"""The encoder that the configuration names: a folder or an id of transformers, a package's, or the small one."""

import abaw.nn  # noqa: F401  (it makes transformers importable, so it comes first)

# isort: split

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError
from transformers import AutoConfig
from transformers.utils import logging as transformers_logging

from abaw.acoustic.encoders import whisper_tiny
from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.acoustic.encoders.spectrogram import Wav2Vec2Bert, Whisper
from abaw.acoustic.encoders.waveform import Data2VecAudio, Hubert, Small, Wav2Vec2, WavLM
from abaw.running.errors import UserError
from abaw.weights.manifest import known

transformers_logging.disable_progress_bar()
transformers_logging.set_verbosity_error()  # what is missing from a file is said below, in a sentence

FAMILIES: dict[str, type[SpeechEncoder]] = {
    "wav2vec2": Wav2Vec2,
    "hubert": Hubert,
    "wavlm": WavLM,
    "data2vec-audio": Data2VecAudio,
    "wav2vec2-bert": Wav2Vec2Bert,
    "whisper": Whisper,
}
"""By the `model_type` of a checkpoint's configuration."""
SMALL = "small"

_NO_FORM = ("attn_implementation", "auto_map")
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w.-]+)?")
_LICENCES = {"wav2vec2-large-robust-12-ft-emotion-msp-dim": "cc-by-nc-sa-4.0"}
"""Of models whose card may not lie beside their weights, by name."""


def load_encoder(name: str, window_s: float) -> SpeechEncoder:
    """The encoder of this name, for windows of this length; `UserError` where it or part of its weights is missing."""
    if name == SMALL:
        return Small(window_s)
    if name == whisper_tiny.NAME:
        encoder = Whisper(whisper_tiny.load_encoder_network(), window_s)
        encoder.packaged = True
        return encoder
    return _pretrained(name, window_s)


def form_of_encoder(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form of a checkpoint, and what it says of how its sound is prepared, for `encoder_of_form`; no weights."""
    source, revision = _source(name)
    try:
        config = AutoConfig.from_pretrained(source, revision=revision)
        _family(name, config.model_type)
        return config.to_dict(), _processor(source, revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"the encoder {name} cannot be loaded: {error}") from error


def encoder_of_form(
    name: str, config: Mapping[str, Any], processor: Mapping[str, Any], window_s: float
) -> SpeechEncoder:
    """An encoder of what `form_of_encoder` gave, with random weights, for those of a trained model."""
    family = _family(name, config.get("model_type"))
    # Only what describes the form: other keys name code to fetch and run.
    plain = {key: value for key, value in config.items() if not key.startswith("_") and key not in _NO_FORM}
    encoder = family(family.fresh(family.network_class.config_class.from_dict(plain)), window_s)
    encoder.follow(processor)
    return encoder


def licence_of(name: str) -> str:
    """The licence of an encoder, as its model card or the list of weights says; that of PDEM forbids commercial use."""
    if name == SMALL:
        return "none needed, random weights"
    if name == whisper_tiny.NAME:
        return known(name).licence
    source, _ = _source(name)
    try:
        said = ModelCard.load(Path(source) / "README.md" if Path(source).is_dir() else source).data.license
    except Exception:  # a card is no part of a model: missing, unreadable or out of reach, it says nothing
        said = None
    return said or _LICENCES.get(Path(source).name, "not stated beside the weights")


def _pretrained(name: str, window_s: float) -> SpeechEncoder:
    source, revision = _source(name)
    try:
        config = AutoConfig.from_pretrained(source, revision=revision)
        family = _family(name, config.model_type)
        loaded: Any = family.network_class.from_pretrained(
            source, revision=revision, config=family.trimmed(config), output_loading_info=True
        )
        processor = _processor(source, revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"the encoder {name} cannot be loaded: {error}") from error
    model, info = loaded
    network, prefix = family.part_of(model)
    lacking = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])} - {"masked_spec_embed"}
    if fresh := sorted(key.removeprefix(prefix) for key in lacking if key.startswith(prefix)):
        raise UserError(f"the weights of {name} lack {', '.join(fresh[:3])} ({len(fresh)} in all); it is incomplete")
    encoder = family(network, window_s)
    encoder.follow(processor)
    return encoder


def _family(name: str, model_type: Any) -> type[SpeechEncoder]:
    if model_type not in FAMILIES:
        raise UserError(f"the encoder {name} is of the type {model_type}, expected one of {', '.join(FAMILIES)}")
    return FAMILIES[model_type]


def _processor(source: str, revision: str) -> dict[str, Any]:
    """What a checkpoint says of how its sound is prepared; nothing where it says nothing."""
    name = "preprocessor_config.json"
    try:
        path = Path(source) / name if Path(source).is_dir() else hf_hub_download(source, name, revision=revision)
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, EntryNotFoundError):
        return {}


def _source(name: str) -> tuple[str, str]:
    """A folder, or a model's id on Hugging Face, and its revision. No form of either makes transformers run code."""
    if (Path(name) / "config.json").is_file():
        return name, "main"
    if Path(name).exists() or not _HUB.fullmatch(name):
        raise UserError(
            f"the encoder is {name!r}, which is none of {SMALL} and {whisper_tiny.NAME}, nor a folder with a "
            "config.json, nor the id of a Hugging Face model (owner/name, or owner/name@revision)"
        )
    source, _, revision = name.partition("@")
    return source, revision or "main"
