"""Depthwise convolutions over maps smaller than their kernel."""

import pytest
import torch
from torch import nn

from abaw.nn.depthwise import DepthwiseConv2d, learn_from_small_maps


@pytest.mark.parametrize(("side", "stride", "dilation"), [(2, 1, 1), (4, 1, 1), (4, 2, 1), (3, 1, 2), (9, 1, 1)])
def test_outputs_and_gradients_are_those_of_torchs_own(side, stride, dilation):
    torch.manual_seed(0)
    plain, inputs = nn.Conv2d(6, 6, 5, stride, 2 * dilation, dilation, groups=6), torch.randn(3, 6, side, side)
    found = []
    for own in (False, True):
        model = nn.Sequential(nn.Conv2d(6, 6, 1), plain)
        model[0].load_state_dict({"weight": torch.eye(6)[..., None, None], "bias": torch.zeros(6)})
        if own:
            learn_from_small_maps(model)
        given = inputs.clone().requires_grad_()
        model.zero_grad()
        outputs = model(given)
        (outputs**2).sum().backward()
        found.append([outputs.detach(), given.grad, plain.weight.grad.clone(), plain.bias.grad.clone()])
    assert [type(layer) for layer in model] == [nn.Conv2d, DepthwiseConv2d]
    assert set(model.state_dict()) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
