"""Depthwise convolutions over maps that are smaller than their kernel, which oneDNN trains slowly on some CPUs."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_input

Sides = tuple[int, int]


class _OverSmallMaps(torch.autograd.Function):
    """A depthwise convolution (n, channels, height, width) whose gradient of the weights is summed tap by tap.

    The last layers of EfficientNet-Lite0 are such on small pictures. What it saves depends on the processor, and may be
    nothing: `benchmarks/depthwise.py`. Outputs and gradients are the same up to rounding.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, stride: Sides, padding: Sides, dilation: Sides) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.form = stride, padding, dilation
        return conv2d(maps, weight, None, stride, padding, dilation, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        (gradient,), (stride, padding, dilation) = gradients, ctx.form
        of_maps = of_weight = None
        if ctx.needs_input_grad[0]:
            of_maps = conv2d_input(maps.shape, weight, gradient, stride, padding, dilation, len(weight))
        if ctx.needs_input_grad[1]:
            padded = pad(maps, tuple(side for side in reversed(padding) for _ in range(2)))
            spans = [[_seen(tap, axis, ctx.form, gradient) for tap in range(weight.shape[2 + axis])] for axis in (0, 1)]
            taps = [
                (padded[:, :, rows, columns] * gradient).sum((0, 2, 3)) for rows in spans[0] for columns in spans[1]
            ]
            of_weight = torch.stack(taps, 1).view_as(weight)
        return of_maps, of_weight, None, None, None


def _seen(tap: int, axis: int, form: tuple[Sides, Sides, Sides], outputs: Tensor) -> slice:
    """The rows (axis 0) or columns (axis 1) of a padded map that one tap of the kernel meets."""
    stride, _, dilation = form
    first = tap * dilation[axis]
    return slice(first, first + (outputs.shape[2 + axis] - 1) * stride[axis] + 1, stride[axis])


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution that learns from small maps by `_OverSmallMaps`."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not torch.is_grad_enabled() or min(input.shape[-2:]) >= min(self.kernel_size):
            return super()._conv_forward(input, weight, bias)
        found = _OverSmallMaps.apply(input, weight, self.stride, self.padding, self.dilation)
        return found if bias is None else found + bias[:, None, None]


def learn_from_small_maps(model: nn.Module) -> None:
    """Let the depthwise convolutions of `model` be `DepthwiseConv2d`; its parameters stay as they are."""
    for module in model.modules():
        if (
            type(module) is nn.Conv2d
            and module.groups == module.in_channels == module.out_channels > 1
            and module.padding_mode == "zeros"
            and not isinstance(module.padding, str)
        ):
            module.__class__ = DepthwiseConv2d
