"""Backbones of others: any architecture of timm with a file of weights, any vision encoder in Hugging Face's form.

The encoders are small and have random weights; nothing is downloaded.
"""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_static import settings_of
from transformers import (
    AutoModel,
    BeitConfig,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    Dinov2Config,
    DINOv3ViTConfig,
    SiglipVisionConfig,
    ViTConfig,
)

from abaw.nn import checkpoint
from abaw.running.errors import UserError
from abaw.static.embedder import make_embedder
from abaw.static.imagenet import load_backbone_weights
from abaw.static.layers import layers_from_top, unfreezing
from abaw.static.model import StaticModel
from abaw.static.spec import StaticSpec

FORM = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
FORM |= {"image_size": 32, "patch_size": 8}
FAMILIES = {
    "dinov2": Dinov2Config(**{k: v for k, v in FORM.items() if k != "intermediate_size"}, mlp_ratio=2),
    "dinov3": DINOv3ViTConfig(**FORM),
    "beit": BeitConfig(**FORM),
    "clip": CLIPVisionConfig(**FORM),
    "siglip": SiglipVisionConfig(**FORM),
    "vit": ViTConfig(**FORM),
}


def saved(folder, config, **about):
    """A checkpoint as a team has it, with how its pictures are normalised."""
    torch.manual_seed(1)
    network = AutoModel.from_config(config)
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.4] * 3, "image_std": [0.3] * 3}))
    return network.eval()


def model_of(folder, input_px=32, **changed):
    settings = settings_of(f"hf:{folder}", "own", input_px).model_copy(update=changed)
    spec = StaticSpec.of(("expr",), settings)
    model = StaticModel(spec)
    load_backbone_weights(model, settings)
    return model.eval(), spec, settings


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_gives_the_features_that_transformers_gives(tmp_path, family):
    network = saved(tmp_path, FAMILIES[family])
    model, spec, _ = model_of(tmp_path)
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        said = network(pixel_values=images)
        expected = said.last_hidden_state[:, 0] if family == "vit" else said.pooler_output
        torch.testing.assert_close(model.backbone(images), expected, rtol=1e-4, atol=1e-5)
    assert spec.mean == (0.4, 0.4, 0.4)
    assert spec.form["model_type"] == FAMILIES[family].model_type


def test_of_a_model_of_pictures_and_text_the_half_that_sees_is_taken(tmp_path):
    torch.manual_seed(0)
    text = CLIPTextConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=9
    )
    both = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=FAMILIES["clip"].to_dict())).eval()
    both.save_pretrained(tmp_path)
    model, _, _ = model_of(tmp_path)
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = both.vision_model(pixel_values=images).pooler_output
        torch.testing.assert_close(model.backbone(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["dinov2", "clip"])
def test_it_travels_with_its_card_alone_and_embeds_pictures_of_another_size(tmp_path, family):
    saved(tmp_path / "given", FAMILIES[family])
    model, spec, _ = model_of(tmp_path / "given", input_px=48)
    checkpoint.save(model, spec.as_card(), tmp_path / "m.safetensors", tmp_path / "m.json")
    (tmp_path / "given" / "config.json").unlink()  # it is looked for nowhere
    card = json.loads((tmp_path / "m.json").read_text())
    again = checkpoint.load(StaticModel(StaticSpec.from_card(card)), tmp_path / "m.safetensors", card)
    images = torch.randn(2, 3, 48, 48)
    with torch.inference_mode():
        expected = model(images)[0]
        torch.testing.assert_close(again(images)[0], expected)
    found = make_embedder(again, spec, torch.device("cpu"), 1)(images)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_a_frozen_backbone_learns_nothing_while_embedding_and_head_do(tmp_path):
    saved(tmp_path, FAMILIES["beit"])
    model, _, _ = model_of(tmp_path)
    model.freeze()
    assert unfreezing(model, 7) is None  # as the embedded default's `unfrozen_layers`
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    assert not model.backbone.training
    optimiser = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], 0.01)
    embeddings, outputs = model(torch.randn(4, 3, 32, 32))
    (embeddings.sum() + outputs["expr"].sum()).backward()
    optimiser.step()
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved
    assert all(name.startswith(("embed.", "heads.")) for name in moved)


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_from_the_top_hold_every_parameter_once(tmp_path, family):
    saved(tmp_path, FAMILIES[family])
    model, _, _ = model_of(tmp_path)
    layers = layers_from_top(model.backbone)
    assert len(layers) == 5  # what is above, three layers, what is below
    names = {id(one): name for name, one in model.backbone.named_parameters()}
    assert sorted(names[id(one)] for layer in layers for one in layer) == sorted(names.values())
    assert any("embed" in names[id(one)] for one in layers[-1])
    assert all(".2." in names[id(one)] for one in layers[1])


def test_what_cannot_be_a_backbone_is_a_sentence(tmp_path):
    saved(tmp_path, FAMILIES["dinov2"])
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {k: v for k, v in weights.items() if "layernorm" not in k}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(UserError, match=r"the weights of hf:.* lack layernorm.bias, layernorm.weight \(2 in all\)"):
        model_of(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(weights, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="cannot be loaded"):
        model_of(tmp_path)
    with pytest.raises(UserError, match=r"neither a folder with a config.json nor the id"):
        model_of(tmp_path / "no" / "such" / "folder")
    saved(tmp_path / "clip", FAMILIES["clip"])
    with pytest.raises(UserError, match="has no stochastic depth; set drop_path to 0"):
        model_of(tmp_path / "clip", drop_path=0.1)
    spec = StaticSpec.of(("va",), settings_of(f"hf:{tmp_path / 'clip'}", "own", 32))
    with pytest.raises(UserError, match="is none that transformers knows"):
        StaticModel(StaticSpec.from_card({**spec.as_card(), "form": {"model_type": "owner/evil"}}))


@pytest.mark.parametrize(
    ("backbone", "weights", "said"),
    [
        ("convnext_atto", "hub", "has no tag, which says whose weights it starts from"),
        ("hf:owner/name", "hub", "own is for hf"),
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", "own", "own is for hf"),
        ("hf:owner/na me", "own", "should match pattern"),
    ],
)
def test_names_and_weights_that_do_not_go_together(backbone, weights, said):
    with pytest.raises(ValueError, match=said):
        settings_of(backbone, weights)


def test_any_architecture_of_timm_starts_from_a_file(tmp_path):
    import timm

    torch.manual_seed(0)
    original = timm.create_model("convnext_atto").eval()
    path = tmp_path / "mine.safetensors"
    save_file(original.state_dict(), path)
    settings = settings_of("convnext_atto", str(path), 64)
    spec = StaticSpec.of(("va",), settings)
    assert spec.licence is None  # whose the weights are, nobody has said
    model = StaticModel(spec).eval()
    load_backbone_weights(model, settings)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = original.forward_head(original.forward_features(images), pre_logits=True)
        torch.testing.assert_close(model.backbone(images), expected)
    with pytest.raises(UserError, match=r"which timm .* does not know"):
        StaticSpec.of(("va",), settings_of("convnext_nano_of_mine", str(path), 64))
