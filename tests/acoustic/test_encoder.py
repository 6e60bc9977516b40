"""The speech encoder: a folder or an id, whole or refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from abaw.acoustic.encoders.loading import licence_of, load_encoder
from abaw.acoustic.encoders.waveform import Wav2Vec2Config, Wav2Vec2Model
from abaw.running.errors import UserError


def stored_encoder(folder, card=None):
    """A small encoder in a folder, with the names of a checkpoint of 2022 that has another head on it."""
    torch.manual_seed(0)
    form = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = Wav2Vec2Config(**form, conv_dim=(32,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
    encoder = Wav2Vec2Model(config)
    config.save_pretrained(folder)
    norms = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    state = {"classifier.dense.weight": torch.zeros(3, 64)}
    for name, value in encoder.state_dict().items():
        end = next((end for end in norms if name.endswith(end)), "")
        state["wav2vec2." + name.removesuffix(end) + norms.get(end, "")] = value.clone()
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    if card:
        (folder / "README.md").write_text(card)
    return encoder


def test_an_encoder_folder_loads_exactly_and_an_incomplete_one_is_refused(tmp_path):
    encoder = stored_encoder(tmp_path / "whole", card="---\nlicense: cc-by-nc-sa-4.0\n---\nA model.\n")
    folder = str(tmp_path / "whole")
    loaded = load_encoder(folder, 4)
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), loaded.parameters(), strict=True))
    assert licence_of(folder) == "cc-by-nc-sa-4.0"
    weights = tmp_path / "whole" / "model.safetensors"
    whole = load_file(weights)
    for name in ("encoder.layers.0.attention.k_proj.weight", "encoder.pos_conv_embed.conv.weight_g"):
        save_file({key: value for key, value in whole.items() if key != f"wav2vec2.{name}"}, weights, {"format": "pt"})
        with pytest.raises(UserError, match=r"lack encoder\.(layers\.0\.attention\.k_proj|pos_conv_embed\.conv)"):
            load_encoder(folder, 4)
    with pytest.raises(UserError, match="none of small and whisper_tiny_en, neither a folder"):
        load_encoder("nowhere", 4)
    (tmp_path / "whole" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(UserError, match="is of the type bert, expected one of wav2vec2, hubert"):
        load_encoder(folder, 4)


def test_an_encoder_is_found_by_its_id(tmp_path, monkeypatch):
    """As it lies in Hugging Face's own cache, from which its library reads it without the network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    name, commit = "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim", "0" * 40
    stored = tmp_path / f"models--{name.replace('/', '--')}"
    encoder = stored_encoder(stored / "snapshots" / commit)
    (stored / "refs").mkdir()
    (stored / "refs" / "v1").write_text(commit)
    loaded = load_encoder(f"{name}@v1", 4)
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), loaded.parameters(), strict=True))
    assert licence_of(f"{name}@v1") == "cc-by-nc-sa-4.0"
    with pytest.raises(UserError, match=r"the encoder audeering/nothing cannot be loaded"):
        load_encoder("audeering/nothing", 4)
