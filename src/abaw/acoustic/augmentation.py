"""What is changed in the waveforms of a training batch (paper §3.2.1, strengths by the authors' code)."""

import torch
from torch import Tensor

NOISE = (1e-4, 5e-3)
"""Range of the standard deviation of white noise, as a share of the signal's own."""
GAIN_DB = (-20.0, -1.0)


def augment(waveforms: Tensor, known: Tensor) -> Tensor:
    """Change each window (n, n_samples) in exactly one way: polarity turned over, white noise, or a lower volume.

    Which, and how much, is drawn anew from torch's random state, uniformly. `known` (n, n_samples) says which values
    are sound and not padding, which stays as it is. Windows are normalised afterwards, so that the volume matters only
    to a model that is fed without.
    """
    n = len(waveforms)
    way = torch.randint(0, 3, (n, 1))
    share = torch.empty(n, 1).uniform_(*NOISE)
    gain = 10 ** (torch.empty(n, 1).uniform_(*GAIN_DB) / 20)
    noise = torch.randn(waveforms.shape) * waveforms.std(dim=1, keepdim=True) * share
    changed = torch.where(way == 0, -waveforms, torch.where(way == 1, waveforms + noise, waveforms * gain))
    return torch.where(known, changed, waveforms)
