"""What is changed in the waveforms of a training batch (paper §3.2.1)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from abaw.config import AcousticNetworkConfig


@dataclass(frozen=True)
class Augmentation:
    """Changes each window in exactly one way: polarity turned over, white noise, or another volume.

    `noise_snr_db` and `gain_db` are ranges (low, high), from which a value is drawn uniformly for each window.
    """

    noise_snr_db: tuple[float, float]
    gain_db: tuple[float, float]

    @classmethod
    def of(cls, settings: AcousticNetworkConfig) -> "Augmentation | None":
        """What the settings ask for; None where they ask for nothing."""
        if settings.augmentation == "none":
            return None
        (quiet, clean), (low, high) = settings.noise_snr_db, settings.gain_db
        return cls((quiet, clean), (low, high))

    def __call__(self, waveforms: Tensor, known: Tensor) -> Tensor:
        """Normalised windows (n, n_samples), changed; `known` says which samples are sound: the rest stays as it is.

        Windows are changed after they are normalised, which would undo a volume. Which way, and how much, is drawn anew
        from torch's random state, uniformly.
        """
        n = len(waveforms)
        way = torch.randint(0, 3, (n, 1))
        snr_db, gain_db = (torch.empty(n, 1).uniform_(*ends) for ends in (self.noise_snr_db, self.gain_db))
        power = (waveforms**2 * known).sum(dim=1, keepdim=True) / known.sum(dim=1, keepdim=True).clamp_min(1)
        noise = torch.randn(waveforms.shape) * (power * 10 ** (-snr_db / 10)).sqrt()
        louder = waveforms * 10 ** (gain_db / 20)
        changed = torch.where(way == 0, -waveforms, torch.where(way == 1, waveforms + noise, louder))
        return torch.where(known, changed, waveforms)
