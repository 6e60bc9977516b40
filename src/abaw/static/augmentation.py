"""What is changed in the images of a training batch, all at once on the device that trains (paper §3.2.2).

Each image has draws of its own, out of torch's generator on the CPU, so that they do not depend on the device; only
noise is drawn where it is added. torchvision's transforms draw once for a whole batch: its functions serve where all
images that are changed alike can be changed together, `abaw.static.changes` where each has strengths of its own, or
where torchvision waits for the device.
"""

import abaw.nn.vision  # noqa: F401  (it makes torchvision importable, so it comes first)

# isort: split

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from abaw.nn.runtime import sent
from abaw.static import changes

PROBABILITY = 0.05
"""Of each of the paper's twelve: 1 - 0.95^12, about 46 % of the images, are changed."""

Augmentation = Literal["none", "paper", "strong"]
Change = Callable[[Tensor], Tensor]
"""Maps images (n, 3, side_px, side_px), float in [0, 1], to as many of the same form; without colours (n, 1, ...)."""


def augmentation(kind: Augmentation, side_px: int) -> Change:
    """Changes that are drawn anew for each image of a batch, which is written over.

    `paper`: twelve, each with probability 0.05. `strong`: mirror image, position, light, colour and a hidden patch on
    nearly every image; on a few identities a network learns who smiles rather than smiles unless it sees more changes.
    """
    if kind == "none":
        return lambda images: images
    if kind == "paper":
        return _in_turn([_sometimes(change, PROBABILITY) for change in twelve(side_px)])
    return _in_turn(
        [
            _sometimes(functional.horizontal_flip, 0.5),
            lambda images: changes.moved(images, degrees=10, shift=0.08, scale=(0.85, 1.15)),
            lambda images: changes.jittered(images, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.08),
            _sometimes(_grey, 0.3),
            _sometimes(lambda images: changes.erased(images, area=(0.02, 0.15), ratio=(0.3, 3.3)), 0.25),
        ]
    )


def twelve(side_px: int) -> list[Change]:
    """The paper's augmentations (§3.2.2) with the strengths of the authors' code, each to be applied for sure.

    The paper names padding, grey, light and colour, noise, rotation, cropping, posterisation, sharpness, equalisation
    and flipping, of which light and colour are one function in the authors' code. Its remaining two are a change of
    perspective and the flip upside down. Noise is the paper's; the code blurs instead. The code pads by 1 to 50 px of
    its 240; here it is that share of `side_px`.
    """
    return [
        lambda images: changes.shifted(images, most_px=max(1, side_px * 50 // 240)),
        _grey,
        lambda images: changes.jittered(images, brightness=0.5, contrast=0.3, saturation=0.3, hue=0.3),
        lambda images: (images + 0.1 * torch.randn_like(images)).clamp(0, 1),
        lambda images: changes.in_perspective(images, distortion=0.5),
        lambda images: changes.moved(images, degrees=90),
        lambda images: changes.cropped(images, area=(0.7**2, 0.9**2)),
        lambda images: changes.posterized(images, bits=(1, 2)),
        lambda images: changes.sharpened(images, factors=(0.1, 0.5, 2.0, 3.0)),
        functional.equalize,
        functional.horizontal_flip,
        functional.vertical_flip,
    ]


def _grey(images: Tensor) -> Tensor:
    return functional.rgb_to_grayscale(images, num_output_channels=images.shape[1])


def _in_turn(all_changes: Sequence[Change]) -> Change:
    def change(images: Tensor) -> Tensor:
        for each in all_changes:
            images = each(images)
        return images

    return change


def _sometimes(change: Change, probability: float) -> Change:
    """Apply a change to each image with a probability."""
    return lambda images: _where(images, torch.rand(len(images)) < probability, change)


def _where(images: Tensor, chosen: Tensor, change: Change) -> Tensor:
    """Apply a change to the images that are `chosen` (n,), bool on the CPU; the batch is written over."""
    places = chosen.nonzero()[:, 0]
    if len(places):
        changed = change(images[sent(places, images.device)])
        # In one kernel; `index_copy_` sorts the places first where algorithms are deterministic.
        torch._foreach_copy_([images[place] for place in places.tolist()], list(changed))
    return images
