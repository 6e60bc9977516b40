"""Positions in a sequence."""

import math

import torch
from torch import Tensor


def sinusoidal_positions(length: int, width: int) -> Tensor:
    """The positional encoding (length, width) of Vaswani et al. 2017, section 3.5."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length).unsqueeze(1) * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
