"""Weights averaged over the steps of a training: they often predict better than those of any one step."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Averaged:
    """The exponential moving average of a network's weights and running statistics.

    The average of step n takes min(`decay`, (1 + n) / (10 + n)) of the one before it, so that the first weights are
    soon forgotten (TensorFlow's ExponentialMovingAverage, timm's ModelEma).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._own = _floating(model)
        self._decay = decay
        self.steps = 0
        self.tensors = [tensor.clone() for tensor in self._own]

    def update(self) -> None:
        """Take in the weights that a step has made."""
        self.steps += 1
        kept = min(self._decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.tensors, self._own, 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the network have the average while the block lasts."""
        before = [tensor.clone() for tensor in self._own]
        torch._foreach_copy_(self._own, self.tensors)
        try:
            yield
        finally:
            torch._foreach_copy_(self._own, before)


def _floating(model: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in model.state_dict().values() if tensor.is_floating_point()]
