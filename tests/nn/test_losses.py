"""Losses, against hand-worked numbers and independent implementations."""

import audmetric
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from abaw.nn import losses

CPU = torch.device("cpu")


def test_ccc_loss_is_two_minus_the_cccs_of_the_labelled_items():
    generator = np.random.default_rng(1)
    truth = generator.normal(size=(5, 7, 2))
    outputs = truth * 0.5 + generator.normal(size=truth.shape) * 0.3
    truth[2, 3] = np.nan
    known = ~np.isnan(truth).any(axis=-1)
    expected = 2 - sum(audmetric.concordance_cc(truth[known][:, k], outputs[known][:, k]) for k in range(2))
    assert losses.ccc_loss(torch.tensor(outputs), torch.tensor(truth)).item() == pytest.approx(expected, abs=1e-9)


def test_the_rmse_loss_is_the_mean_of_two_roots_of_the_labelled_items():
    outputs, truth = torch.tensor([[0.5, 0.0], [0.1, -0.4], [9.0, 9.0]]), torch.tensor([[0.2, 0.0], [0.5, -0.1]])
    truth = torch.cat([truth, torch.full((1, 2), torch.nan)])
    expected = (((0.3**2 + 0.4**2) / 2) ** 0.5 + ((0.0 + 0.3**2) / 2) ** 0.5) / 2
    assert losses.rmse_loss(outputs, truth).item() == pytest.approx(expected, rel=1e-5)


def test_the_sum_is_both_losses_of_values_by_hand_and_each_is_had_by_its_name():
    """Valence is 0.5 too high throughout, arousal as it is: CCCs of 8/9 and 1, root mean squared errors of 0.5, 0."""
    truth = torch.tensor([[-1.0, 0.2], [1.0, -0.4], [torch.nan, 0.1]])
    outputs = torch.tensor([[-0.5, 0.2], [1.5, -0.4], [7.0, 7.0]])
    by_name = {
        name: losses.task_loss("va", truth.numpy(), CPU, values=name)(outputs, truth).item()
        for name in ("ccc", "rmse", "sum")
    }
    ccc = 2 * 1 / (1 + 1 + 0.5**2)
    assert by_name == pytest.approx({"ccc": 1 - ccc, "rmse": 0.25, "sum": 1 - ccc + 0.25}, abs=1e-5)


@given(st.lists(st.tuples(*[st.floats(-1, 1, width=32)] * 4), min_size=1, max_size=12), st.randoms())
def test_losses_of_values_are_of_a_set_whatever_its_order_and_none_is_negative(items, chance):
    shuffled = chance.sample(items, len(items))
    for loss in losses.VALUE_LOSSES.values():
        one, other = (loss(*torch.tensor(values, dtype=torch.float64).split(2, dim=-1)) for values in (items, shuffled))
        assert one.item() == pytest.approx(other.item(), abs=1e-6)
        assert one >= -1e-9


@pytest.mark.parametrize(
    ("loss", "shape"),
    [*((loss, (3, 8)) for loss in losses.VALUE_LOSSES.values()), (losses.expression_loss(torch.ones(8)), (3,))],
)
def test_a_batch_without_labels_has_no_loss_but_a_gradient(loss, shape):
    outputs = torch.randn(3, 8, requires_grad=True)
    truth = torch.full(shape, torch.nan)
    value = loss(outputs, truth)
    value.backward()
    assert value.item() == 0
    assert outputs.grad is not None


def test_the_focal_loss_is_the_cross_entropy_of_what_is_not_known_yet():
    generator = torch.Generator().manual_seed(1)
    logits, classes = torch.randn(6, 8, generator=generator), torch.tensor([0, 1, 2, 2, 7, torch.nan])
    weights = torch.arange(1.0, 9.0)
    known = classes[:5].long()
    chance = logits[:5].softmax(-1)[torch.arange(5), known]
    expected = (weights[known] * (1 - chance) ** 2 * -chance.log()).sum() / weights[known].sum()
    assert losses.expression_loss(weights, focus=2.0)(logits, classes).item() == pytest.approx(
        expected.item(), rel=1e-5
    )
    plain = nn.functional.cross_entropy(logits[:5], known, weight=weights, label_smoothing=0.2)
    assert losses.expression_loss(weights, 0.2)(logits, classes).item() == pytest.approx(plain.item(), rel=1e-5)


def test_class_weights_are_inverse_to_counts_with_mean_one():
    labels = np.array([0, 0, 0, 1, np.nan])
    assert losses.class_weights(labels, "inverse").tolist() == pytest.approx([0.5, 1.5, 0, 0, 0, 0, 0, 0])
    rooted = 2 * 3**0.5 / (3**0.5 + 1)
    assert losses.class_weights(labels, "sqrt").tolist() == pytest.approx([2 - rooted, rooted, 0, 0, 0, 0, 0, 0])
    assert losses.class_weights(labels, "none").tolist() == [1.0] * 8
