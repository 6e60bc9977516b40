"""What is changed in the images of a training batch, by torchvision's transforms (paper §3.2.2)."""

import abaw.nn  # noqa: F401  (it makes torchvision importable, so it comes first)

# isort: split

from typing import Literal

from torchvision.transforms import v2

PROBABILITY = 0.05
"""Of each of the paper's twelve: 1 - 0.95^12, about 46 % of the images, are changed."""

Augmentation = Literal["none", "paper", "strong"]


def augmentation(kind: Augmentation, side_px: int) -> v2.Transform:
    """Changes that are drawn anew for each image: float, (3, side_px, side_px), in [0, 1].

    `paper`: twelve, each with probability 0.05. `strong`: mirror image, position, light, colour and a hidden patch on
    nearly every image; on a few identities a network learns who smiles rather than smiles unless it sees more changes.
    """
    if kind == "none":
        return v2.Identity()
    if kind == "paper":
        return v2.Compose([v2.RandomApply([change], PROBABILITY) for change in twelve(side_px)])
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(degrees=10, translate=(0.08, 0.08), scale=(0.85, 1.15)),
            v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.08),
            v2.RandomGrayscale(0.3),
            v2.RandomErasing(0.25, scale=(0.02, 0.15)),
        ]
    )


def twelve(side_px: int) -> list[v2.Transform]:
    """The paper's augmentations (§3.2.2) with the strengths of the authors' code, each to be applied for sure.

    The paper names padding, grey, light and colour, noise, rotation, cropping, posterisation, sharpness, equalisation
    and flipping, of which light and colour are one function in the authors' code. Its remaining two are a change of
    perspective and the flip upside down. Noise is the paper's; the code blurs instead. The code pads by 1 to 50 px of
    its 240; here it is that share of `side_px`.
    """
    return [
        v2.RandomCrop(side_px, padding=max(1, side_px * 50 // 240)),
        v2.Grayscale(num_output_channels=3),
        v2.ColorJitter(brightness=0.5, contrast=0.3, saturation=0.3, hue=0.3),
        v2.GaussianNoise(sigma=0.1),
        v2.RandomPerspective(p=1),
        v2.RandomRotation(90),
        v2.RandomResizedCrop(side_px, scale=(0.7**2, 0.9**2), ratio=(1, 1), antialias=True),
        v2.RandomChoice([v2.RandomPosterize(bits, p=1) for bits in (1, 2)]),
        v2.RandomChoice([v2.RandomAdjustSharpness(factor, p=1) for factor in (0.1, 0.5, 2.0, 3.0)]),
        v2.RandomEqualize(p=1),
        v2.RandomHorizontalFlip(p=1),
        v2.RandomVerticalFlip(p=1),
    ]
