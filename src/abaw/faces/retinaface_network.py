"""RetinaFace with the MobileNet-0.25 body (paper §3.2.2): the network in torch, its weights and its export to ONNX.

Parameter names are those of `mobilenet0.25_Final.pth`. Deng et al., RetinaFace: Single-shot Multi-level Face
Localisation in the Wild, CVPR 2020; context modules after Najibi et al., SSH, ICCV 2017.
"""

from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from abaw.faces.retinaface import OUTPUTS, STRIDES_PX, Forward
from abaw.nn.exporting import export_onnx
from abaw.weights.manifest import Colour, Weights, check

_CHANNELS = 64
_SLOPE = 0.1
_PRIORS_PER_CELL = 2


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


def _active(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers, nn.LeakyReLU(_SLOPE, inplace=True))


def _separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A depthwise and a pointwise convolution, as in MobileNet."""
    return _active(*_active(*_conv(inputs, inputs, stride=stride, groups=inputs)), *_conv(inputs, outputs, kernel=1))


class _Body(nn.Module):
    """MobileNet v1 at a quarter of its width, in three stages of stride 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(
            _active(*_conv(3, 8, stride=2)),
            _separable(8, 16),
            _separable(16, 32, stride=2),
            _separable(32, 32),
            _separable(32, 64, stride=2),
            _separable(64, 64),
        )
        self.stage2 = nn.Sequential(_separable(64, 128, stride=2), *(_separable(128, 128) for _ in range(5)))
        self.stage3 = nn.Sequential(_separable(128, 256, stride=2), _separable(256, 256))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first = self.stage1(x)
        second = self.stage2(first)
        return first, second, self.stage3(second)


class _Pyramid(nn.Module):
    """Feature pyramid: each level gets the upsampled one below it added."""

    def __init__(self) -> None:
        super().__init__()
        self.output1 = _active(*_conv(64, _CHANNELS, kernel=1))
        self.output2 = _active(*_conv(128, _CHANNELS, kernel=1))
        self.output3 = _active(*_conv(256, _CHANNELS, kernel=1))
        self.merge1 = _active(*_conv(_CHANNELS, _CHANNELS))
        self.merge2 = _active(*_conv(_CHANNELS, _CHANNELS))

    def forward(self, stages: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        fine, middle, coarse = self.output1(stages[0]), self.output2(stages[1]), self.output3(stages[2])
        middle = self.merge2(middle + F.interpolate(coarse, size=middle.shape[-2:], mode="nearest"))
        fine = self.merge1(fine + F.interpolate(middle, size=fine.shape[-2:], mode="nearest"))
        return fine, middle, coarse


class _Context(nn.Module):
    """SSH context module: receptive fields of 3, 5 and 7 pixels side by side."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter = _CHANNELS // 2, _CHANNELS // 4
        self.conv3X3 = nn.Sequential(*_conv(_CHANNELS, half))
        self.conv5X5_1 = _active(*_conv(_CHANNELS, quarter))
        self.conv5X5_2 = nn.Sequential(*_conv(quarter, quarter))
        self.conv7X7_2 = _active(*_conv(quarter, quarter))
        self.conv7x7_3 = nn.Sequential(*_conv(quarter, quarter))

    def forward(self, x: Tensor) -> Tensor:
        shared = self.conv5X5_1(x)
        return F.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(shared), self.conv7x7_3(self.conv7X7_2(shared))], 1))


class _Head(nn.Module):
    """`values` numbers for each prior box: N x (cells x priors per cell) x values."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.values = values
        self.conv1x1 = nn.Conv2d(_CHANNELS, _PRIORS_PER_CELL * values, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.values)


class RetinaFace(nn.Module):
    """The network, for images of any size; its outputs are in the order of `abaw.faces.retinaface.prior_boxes`."""

    def __init__(self, mean_bgr: Colour) -> None:
        super().__init__()
        self.mean_bgr: Tensor
        self.register_buffer("mean_bgr", torch.tensor(mean_bgr).view(1, 3, 1, 1), persistent=False)
        self.body = _Body()
        self.fpn = _Pyramid()
        self.ssh1, self.ssh2, self.ssh3 = _Context(), _Context(), _Context()
        self.ClassHead = nn.ModuleList(_Head(2) for _ in STRIDES_PX)
        self.BboxHead = nn.ModuleList(_Head(4) for _ in STRIDES_PX)
        self.LandmarkHead = nn.ModuleList(_Head(10) for _ in STRIDES_PX)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """N images (N x H x W x 3, BGR, uint8) to box offsets (N x priors x 4), scores in [0, 1] (N x priors) and point
        offsets (N x priors x 10).
        """
        levels = self.fpn(self.body(images.permute(0, 3, 1, 2).float() - self.mean_bgr))
        levels = [context(level) for context, level in zip((self.ssh1, self.ssh2, self.ssh3), levels, strict=True)]

        def all_levels(heads: nn.ModuleList) -> Tensor:
            return torch.cat([head(level) for head, level in zip(heads, levels, strict=True)], dim=1)

        scores = all_levels(self.ClassHead).softmax(dim=-1)[..., 1]
        return all_levels(self.BboxHead), scores, all_levels(self.LandmarkHead)


def load_network(weights: Weights, path: str | PathLike[str]) -> RetinaFace:
    """The network with the weights of the file `path`; `UserError` where that is not the one known by its digest."""
    check(weights, path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    network = RetinaFace(weights.mean or (0.0, 0.0, 0.0)).eval()
    network.load_state_dict({name.removeprefix("module."): values for name, values in state.items()})
    return network


def export_network(network: RetinaFace, output: str | PathLike[str]) -> None:
    """Write the network as ONNX for any number of images of any size; the same network gives the same bytes."""
    free = {"images": {0: "n", 1: "height", 2: "width"}} | {name: {0: "n", 1: "priors"} for name in OUTPUTS}
    export_onnx(network, torch.zeros(1, 64, 96, 3, dtype=torch.uint8), Path(output), "images", OUTPUTS, free)


def eager(network: RetinaFace) -> Forward:
    """The network in torch as it is: the plain way, which the ONNX one is held against."""

    def forward(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with torch.inference_mode():
            boxes, scores, points = network(torch.from_numpy(images))
        return boxes.numpy(), scores.numpy(), points.numpy()

    return forward
