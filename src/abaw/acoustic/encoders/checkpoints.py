"""Checkpoints of transformers, in a folder or by their id on the hub: loaded whole, or only their form."""

import abaw.nn  # noqa: F401  (it makes transformers importable, so it comes first)

# isort: split

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from transformers.utils import logging as transformers_logging

from abaw.acoustic.encoders.network import NetworkEncoder
from abaw.acoustic.encoders.spectrogram import Wav2Vec2Bert, Whisper
from abaw.acoustic.encoders.waveform import Data2VecAudio, Hubert, Wav2Vec2, WavLM
from abaw.running.errors import UserError
from abaw.weights.huggingface import licence_of, plain_form, processor_of, source_of

transformers_logging.disable_progress_bar()
transformers_logging.set_verbosity_error()  # what is missing from a file is said below, in a sentence

FAMILIES: dict[str, type[NetworkEncoder]] = {
    "wav2vec2": Wav2Vec2,
    "hubert": Hubert,
    "wavlm": WavLM,
    "data2vec-audio": Data2VecAudio,
    "wav2vec2-bert": Wav2Vec2Bert,
    "whisper": Whisper,
}
"""By the `model_type` of a checkpoint's configuration."""

_LICENCES = {"wav2vec2-large-robust-12-ft-emotion-msp-dim": "cc-by-nc-sa-4.0"}
"""Of models whose card may not lie beside their weights, by name."""


def load_checkpoint(name: str, window_s: float) -> NetworkEncoder:
    """The encoder of a checkpoint; `UserError` where it or part of its weights is missing."""
    source, revision = _source(name)
    try:
        config = AutoConfig.from_pretrained(source, revision=revision)
        family = _family(name, config.model_type)
        loaded: Any = family.network_class.from_pretrained(
            source, revision=revision, config=family.trimmed(config), output_loading_info=True
        )
        processor = processor_of(source, revision)
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


def form_of_encoder(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form of a checkpoint, and what it says of how its sound is prepared, for `encoder_of_form`; no weights."""
    source, revision = _source(name)
    try:
        config = AutoConfig.from_pretrained(source, revision=revision)
        _family(name, config.model_type)
        return config.to_dict(), processor_of(source, revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"the encoder {name} cannot be loaded: {error}") from error


def encoder_of_form(
    name: str, config: Mapping[str, Any], processor: Mapping[str, Any], window_s: float
) -> NetworkEncoder:
    """An encoder of what `form_of_encoder` gave, with random weights, for those of a trained model."""
    family = _family(name, config.get("model_type"))
    encoder = family(family.fresh(family.network_class.config_class.from_dict(plain_form(config))), window_s)
    encoder.follow(processor)
    return encoder


def licence_of_checkpoint(name: str) -> str:
    """The licence of a checkpoint, as its model card says."""
    source, _ = _source(name)
    return licence_of(source) or _LICENCES.get(Path(source).name, "not stated beside the weights")


def _family(name: str, model_type: Any) -> type[NetworkEncoder]:
    if model_type not in FAMILIES:
        raise UserError(f"the encoder {name} is of the type {model_type}, expected one of {', '.join(FAMILIES)}")
    return FAMILIES[model_type]


def _source(name: str) -> tuple[str, str]:
    """A folder, or a model's id on Hugging Face, and its revision. No form of either makes transformers run code."""
    return source_of(name, f"the encoder is {name!r}, none of small and whisper_tiny_en")
