"""Pictures as a frame-level model wants them. Nothing here takes long to load, unlike the backbones' libraries."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw.static.spec import StaticSpec


def letterbox(rgb: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """Fit an image (h, w, 3) into a black square of `side_px`, its aspect ratio kept (authors' code: bilinear)."""
    height, width = rgb.shape[:2]
    scale = side_px / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square = np.zeros((side_px, side_px, 3), dtype=np.uint8)
    top, left = (side_px - size[1]) // 2, (side_px - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = resized
    return square


def to_batch(squares: list[NDArray[np.uint8]], device: torch.device) -> Tensor:
    """Letterboxed RGB images to a batch (n, 3, side, side) in [0, 1] on the device."""
    return as_images(torch.from_numpy(np.stack(squares)), device)


def as_images(pixels: Tensor, device: torch.device) -> Tensor:
    """Pixels (n, side, side, 3), uint8, as a batch (n, 3, side, side) in [0, 1] on the device, channels last in memory.

    From pinned memory they are sent without waiting.
    """
    return pixels.to(device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)


def as_grey(images: Tensor) -> Tensor:
    """Images (n, 3, side, side) without their colours, (n, 1, side, side); such ones stay as they are."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    # As torchvision's, to the last bit.
    return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).unsqueeze(1)


class Normaliser:
    """Brings images in [0, 1] on a device into the form that the backbone wants: less the mean, over the deviation.

    A grey one's lose their colours first.

    They lie with channels last in memory: a training step takes two thirds of the time on a CPU.
    """

    def __init__(self, spec: StaticSpec, device: torch.device) -> None:
        self.grey = spec.grey
        self.mean, self.std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (spec.mean, spec.std))

    def __call__(self, images: Tensor) -> Tensor:
        """A batch (n, 3, side_px, side_px), normalised; of a grey network (n, 1, side_px, side_px) may come too."""
        if self.grey:
            images = as_grey(images).expand(-1, 3, -1, -1)
        return ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
