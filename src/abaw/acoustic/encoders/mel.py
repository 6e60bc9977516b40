"""Whisper's spectrogram."""

import abaw.nn  # noqa: F401  (it makes torchaudio importable, so it comes first)

# isort: split

import torch
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from abaw.acoustic.waveforms import SAMPLE_RATE_HZ

HOP = 160
"""Samples between two spectra: 100 a second."""


class WhisperMel(nn.Module):
    """Waveforms (n, n_samples) to (n, bands, n_samples // 160) (Radford et al. 2023).

    Logarithms of mel bands in windows of 25 ms, at most 8 decades below the loudest of the window.
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.filters: Tensor
        self.window: Tensor
        filters = melscale_fbanks(201, 0.0, 8000.0, bands, SAMPLE_RATE_HZ, norm="slaney", mel_scale="slaney")
        self.register_buffer("filters", filters.T.contiguous(), persistent=False)
        self.register_buffer("window", torch.hann_window(400), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """In full precision: halves would not do for a power spectrum."""
        with torch.autocast(waveforms.device.type, enabled=False):
            spectra = torch.stft(waveforms.float(), 400, HOP, window=self.window, return_complex=True)
            bands = (self.filters @ spectra[..., :-1].abs().square()).clamp_min(1e-10).log10()
            return (torch.maximum(bands, bands.amax(dim=(1, 2), keepdim=True) - 8) + 4) / 4
