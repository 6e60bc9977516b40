"""Changes of images with a strength of its own for each image of a batch, drawn as torchvision's transforms draw it.

Images are (n, 3, side, side), or (n, 1, side, side) without colours; float in [0, 1]. What is moved is black where
nothing was.
"""

import abaw.nn.vision  # noqa: F401  (it makes torchvision importable, so it comes first)

# isort: split

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, pad
from torchvision.transforms.v2.functional import rgb_to_grayscale

from abaw.nn.runtime import sent

Range = tuple[float, float]


def shifted(images: Tensor, most_px: int) -> Tensor:
    """Move each image by up to `most_px` pixels along both sides (`RandomCrop` with a padding)."""
    side = images.shape[-1]
    padded = pad(images, (most_px,) * 4)
    starts = torch.randint(2 * most_px + 1, (len(images), 2)).tolist()
    return torch.stack(
        [image[:, top : top + side, left : left + side] for image, (top, left) in zip(padded, starts, strict=True)]
    )


def cropped(images: Tensor, area: Range) -> Tensor:
    """Enlarge a square of each image, of a share of its area within `area` (`RandomResizedCrop`, bilinear)."""
    side = images.shape[-1]
    parts = (_uniform(len(images), area).sqrt() * side).round().int().clamp(1, side)
    starts = (torch.rand(len(images), 2) * (side - parts + 1)[:, None]).int()
    found = [
        interpolate(image[None, :, top : top + part, left : left + part], (side, side), mode="bilinear")
        for image, part, (top, left) in zip(images, parts.tolist(), starts.tolist(), strict=True)
    ]
    return torch.cat(found)


def moved(images: Tensor, degrees: float, shift: float = 0.0, scale: Range = (1.0, 1.0)) -> Tensor:
    """Turn, move and scale each image: by up to `degrees` either way, by a share of its side, by a factor.

    Each pixel is the nearest one of the image (`RandomRotation`, `RandomAffine`).
    """
    n, side = len(images), images.shape[-1]
    angle = torch.deg2rad(_uniform(n, (-degrees, degrees)))
    by_px = _uniform(2 * n, (-shift * side, shift * side)).round().view(n, 2, 1)
    back = torch.stack([angle.cos(), angle.sin(), -angle.sin(), angle.cos()], dim=-1).view(n, 2, 2)
    back = back / _uniform(n, scale).view(n, 1, 1)
    last = torch.tensor([0.0, 0.0, 1.0]).expand(n, 1, 3)
    return _sampled(images, torch.cat([torch.cat([back, -back @ by_px], dim=2), last], dim=1), "nearest")


def in_perspective(images: Tensor, distortion: float) -> Tensor:
    """Draw each corner of each image towards its middle, by up to half of `distortion` (`RandomPerspective`)."""
    n, half = len(images), images.shape[-1] // 2
    most = int(distortion * half)
    signs = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    corners = signs * (images.shape[-1] - 1) / 2
    drawn = corners - signs * torch.randint(most + 1, (n, 4, 2))
    return _sampled(images, _homography(drawn, corners.expand(n, 4, 2)), "bilinear")


def jittered(images: Tensor, brightness: float, contrast: float, saturation: float, hue: float) -> Tensor:
    """Change light and colours of each image, in an order that is drawn for all (`ColorJitter`).

    Of images without colours the light alone is changed, by the same draws.
    """
    n, coloured = len(images), images.shape[1] == 3

    def factors(strength: float) -> Tensor:
        return sent(_uniform(n, (1 - strength, 1 + strength)), images.device).view(n, 1, 1, 1)

    by_brightness, by_contrast, by_saturation = factors(brightness), factors(contrast), factors(saturation)
    by_hue = sent(_uniform(n, (-hue, hue)), images.device).view(n, 1, 1)
    for step in torch.randperm(4).tolist():
        if step == 0:
            images = (images * by_brightness).clamp_(0, 1)
        elif step == 1:
            images = _blended(images, rgb_to_grayscale(images).mean(dim=(1, 2, 3), keepdim=True), by_contrast)
        elif step == 2 and coloured:
            images = _blended(images, rgb_to_grayscale(images), by_saturation)
        elif coloured:
            images = _hue_shifted(images, by_hue)
    return images


def posterized(images: Tensor, bits: Sequence[int]) -> Tensor:
    """Leave each image one of the numbers of `bits` for each colour (`RandomPosterize`)."""
    levels = _one_of([2.0**each for each in bits], images)
    return images.mul(levels).floor_().minimum(levels - 1).div_(levels)


def sharpened(images: Tensor, factors: Sequence[float]) -> Tensor:
    """Blur or sharpen each image by one of `factors`: 0 smooths it, 1 leaves it as it is (`RandomAdjustSharpness`).

    torchvision's function makes its 3x3 kernel on the host, and a GPU is waited for until it is there.
    """
    inner = images[..., 1:-1, 1:-1]
    smooth = (avg_pool2d(images, 3, stride=1) * 9 + inner * 4) / 13
    found = images.clone()
    found[..., 1:-1, 1:-1] = _blended(inner, smooth, _one_of(factors, images))
    return found


def erased(images: Tensor, area: Range, ratio: Range) -> Tensor:
    """Hide a rectangle of each image: its share of the area, and its height over its width (`RandomErasing`)."""
    n, side = len(images), images.shape[-1]
    shares, ratios = _uniform(n, area), _uniform(n, (math.log(ratio[0]), math.log(ratio[1]))).exp()
    sizes = (torch.stack([shares * ratios, shares / ratios]).sqrt() * side).round().clamp(1, side - 1)
    starts = (torch.rand(2, n) * (side - sizes + 1)).floor()
    first, size = (sent(values, images.device)[:, :, None] for values in (starts, sizes))
    along = torch.arange(side, device=images.device)
    within = (along >= first) & (along < first + size)
    return images.masked_fill((within[0][:, :, None] & within[1][:, None, :])[:, None], 0.0)


def _one_of(values: Sequence[float], images: Tensor) -> Tensor:
    """One of some values for each image, all equally likely, (n, 1, 1, 1)."""
    drawn = torch.randint(len(values), (len(images),))
    return sent(torch.tensor(values)[drawn], images.device).view(-1, 1, 1, 1)


def _uniform(n: int, between: Range) -> Tensor:
    return torch.empty(n).uniform_(*between)


def _blended(images: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return torch.lerp(other.expand_as(images), images, share.expand_as(images)).clamp_(0, 1)


def _hue_shifted(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue of each image by `turns` (n, 1, 1) of the colour circle, in HSV."""
    value, low = images.amax(dim=1), images.amin(dim=1)
    spread = value - low
    red, green, blue = images.unbind(dim=1)
    safe = torch.where(spread > 0, spread, 1.0)
    sixths = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixths = sixths + 6 * turns
    ways = [(offset + sixths).remainder(6) for offset in (5, 3, 1)]
    return torch.stack([value - spread * torch.minimum(way, 4 - way).clamp(0, 1) for way in ways], dim=1)


def _homography(given: Tensor, wanted: Tensor) -> Tensor:
    """The matrices (n, 3, 3) that map four points `given` (n, 4, 2) to `wanted`, as x and y."""
    (x, y), (u, v) = given.double().unbind(-1), wanted.double().unbind(-1)
    one, none = torch.ones_like(x), torch.zeros_like(x)
    of_u = torch.stack([x, y, one, none, none, none, -u * x, -u * y], dim=-1)
    of_v = torch.stack([none, none, none, x, y, one, -v * x, -v * y], dim=-1)
    found = torch.linalg.solve(torch.cat([of_u, of_v], dim=1), torch.cat([u, v], dim=1))
    return torch.cat([found, torch.ones(len(found), 1)], dim=1).view(-1, 3, 3).float()


def _sampled(images: Tensor, back: Tensor, mode: Literal["nearest", "bilinear"]) -> Tensor:
    """Images whose pixels are where `back` (n, 3, 3) maps their places, in pixels from the middle, x before y."""
    side = images.shape[-1]
    along = torch.arange(side, device=images.device) - (side - 1) / 2
    y, x = torch.meshgrid(along, along, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1).view(1, -1, 3)
    mapped = places @ sent(back, images.device).transpose(1, 2)
    grid = (mapped[..., :2] / mapped[..., 2:] * (2 / side)).view(-1, side, side, 2)
    return grid_sample(images, grid, mode=mode, padding_mode="zeros", align_corners=False)
