"""The paper's augmentations of one image at a time by torchvision's transforms, as version 0.1 had them."""

import abaw.nn.vision  # noqa: F401  (it makes torchvision importable, so it comes first)

# isort: split

from torchvision.transforms import v2


def twelve_one_by_one(side_px: int) -> list[v2.Transform]:
    """With the strengths of the authors' code, each to be applied for sure to an image (3, side_px, side_px)."""
    return [
        v2.RandomCrop(side_px, padding=side_px * 50 // 240),
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
