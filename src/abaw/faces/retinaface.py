"""RetinaFace with the MobileNet-0.25 body (paper §3.2.2): the network, its weights and the decoding of its outputs.

Parameter names are those of `mobilenet0.25_Final.pth`. Deng et al., RetinaFace: Single-shot Multi-level Face
Localisation in the Wild, CVPR 2020; context modules after Najibi et al., SSH, ICCV 2017.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from abaw.errors import UserError
from abaw.faces.detection import Detection, select

SHA256 = "2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220"
MEAN_BGR = (104.0, 117.0, 123.0)
STRIDES_PX = (8, 16, 32)
PRIOR_SIDES_PX = ((16, 32), (64, 128), (256, 512))
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
OVERLAP = 0.4
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
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(len(x), -1, self.values)


class RetinaFace(nn.Module):
    """The network, for images of any size; its outputs are in the order of `prior_boxes`."""

    def __init__(self) -> None:
        super().__init__()
        self.body = _Body()
        self.fpn = _Pyramid()
        self.ssh1, self.ssh2, self.ssh3 = _Context(), _Context(), _Context()
        self.ClassHead = nn.ModuleList(_Head(2) for _ in STRIDES_PX)
        self.BboxHead = nn.ModuleList(_Head(4) for _ in STRIDES_PX)
        self.LandmarkHead = nn.ModuleList(_Head(10) for _ in STRIDES_PX)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """N images (N x 3 x H x W, BGR less `MEAN_BGR`) to box offsets (N x priors x 4), scores in [0, 1] (N x priors)
        and point offsets (N x priors x 10).
        """
        levels = self.fpn(self.body(images))
        levels = [context(level) for context, level in zip((self.ssh1, self.ssh2, self.ssh3), levels, strict=True)]

        def all_levels(heads: nn.ModuleList) -> Tensor:
            return torch.cat([head(level) for head, level in zip(heads, levels, strict=True)], dim=1)

        scores = all_levels(self.ClassHead).softmax(dim=-1)[..., 1]
        return all_levels(self.BboxHead), scores, all_levels(self.LandmarkHead)


def prior_boxes(height: int, width: int) -> np.ndarray:
    """The prior boxes of an image: (priors x 3) of centre x, centre y and side, in pixels."""
    levels = []
    for stride, sides in zip(STRIDES_PX, PRIOR_SIDES_PX, strict=True):
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, side = np.meshgrid(
            (np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride, sides, indexing="ij"
        )
        levels.append(np.stack([x.ravel(), y.ravel(), side.ravel()], axis=1))
    return np.concatenate(levels)


def load_network(path: str) -> RetinaFace:
    """The network with the weights of `path`; `UserError` where that is not the one file known by its digest."""
    if not Path(path).is_file():
        raise UserError(f"there is no file {path}; set faces.retinaface_weights to the path of mobilenet0.25_Final.pth")
    with Path(path).open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    if digest != SHA256:
        raise UserError(
            f"{path} has the sha256 {digest}, expected {SHA256}: several files are named mobilenet0.25_Final.pth, and "
            "others find false faces; get the one with this digest"
        )
    state = torch.load(path, map_location="cpu", weights_only=True)
    network = RetinaFace().eval()
    network.load_state_dict({name.removeprefix("module."): values for name, values in state.items()})
    return network


class RetinaFaceDetector:
    """RetinaFace on whole frames at full resolution, on the CPU."""

    def __init__(self, weights: str, min_score: float, threads: int) -> None:
        torch.set_num_threads(threads)
        self._network = load_network(weights)
        self._min_score = min_score

    def detect(self, bgr: np.ndarray) -> list[Detection]:
        """Find the faces of an image (height x width x 3, uint8), best first."""
        image = torch.from_numpy(bgr).permute(2, 0, 1)[None].float() - torch.tensor(MEAN_BGR).view(1, 3, 1, 1)
        with torch.inference_mode():
            offsets, scores, point_offsets = (output[0].numpy() for output in self._network(image))
        good = scores >= self._min_score
        centre, side = np.split(prior_boxes(*bgr.shape[:2])[good], [2], axis=1)
        middle = centre + CENTRE_VARIANCE * side * offsets[good, :2]
        half = side / 2 * np.exp(SIZE_VARIANCE * offsets[good, 2:])
        boxes = np.concatenate([middle - half, middle + half], axis=1)
        points = centre[:, None] + CENTRE_VARIANCE * side[:, None] * point_offsets[good].reshape(-1, 5, 2)
        return select(boxes, scores[good], points, scores[good], OVERLAP, bgr)
