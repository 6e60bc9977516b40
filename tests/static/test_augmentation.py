"""Changes of a batch at once: as often and as strong as torchvision's transforms make them one image at a time."""

import numpy as np
import pytest
import skimage.data
import torch
from one_by_one import twelve_one_by_one
from scipy.stats import ks_2samp

from abaw.static import changes
from abaw.static.augmentation import augmentation, twelve
from abaw.static.images import letterbox

# isort: split

from torchvision.transforms import v2  # after abaw.static, which makes it importable
from torchvision.transforms.v2 import functional

SIDE_PX = 48
FACE = torch.from_numpy(letterbox(skimage.data.astronaut()[0:200, 130:300], SIDE_PX)).permute(2, 0, 1) / 255
N = 300


def strong_one_by_one() -> v2.Transform:
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(degrees=10, translate=(0.08, 0.08), scale=(0.85, 1.15)),
            v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.08),
            v2.RandomGrayscale(0.3),
            v2.RandomErasing(0.25, scale=(0.02, 0.15)),
        ]
    )


def batch(n: int) -> torch.Tensor:
    return FACE.expand(n, 3, SIDE_PX, SIDE_PX).clone()


def jitters(n: int, hue: float) -> torch.Tensor:
    """So many of ours, a few at a time: a batch shares the order of its four parts."""
    found = [changes.jittered(batch(4), 0.5, 0.3, 0.3, hue) for _ in range(n // 4)]
    return torch.cat(found)


def strengths(images: torch.Tensor) -> list[np.ndarray]:
    """Of each image how far its pixels are from the face's, how much lighter it is, and how much redder."""
    off = (images - FACE).double()
    return [
        off.abs().mean((1, 2, 3)).numpy(),
        off.mean((1, 2, 3)).numpy(),
        (off[:, 0] - off[:, 2]).mean((1, 2)).numpy(),
    ]


def same_distribution(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    for one, other in zip(strengths(ours), strengths(theirs), strict=True):
        one, other = one.round(6), other.round(6)  # of a few strengths, equal ones shall be so
        assert one.mean() == pytest.approx(other.mean(), abs=5 * np.hypot(one.std(), other.std()) / N**0.5 + 1e-3)
        if min(one.std(), other.std()) > 1e-3:  # else all are changed alike, up to rounding
            assert ks_2samp(one, other).pvalue > 1e-3


@pytest.mark.parametrize("number", range(12))
def test_each_of_the_twelve_is_as_strong_in_a_batch_as_one_by_one(number):
    torch.manual_seed(3)
    ours = jitters(N, 0.3) if number == 2 else twelve(SIDE_PX)[number](batch(N))
    theirs = torch.stack([twelve_one_by_one(SIDE_PX)[number](FACE) for _ in range(N)])
    assert ours.shape == theirs.shape
    assert 0 <= ours.min() <= ours.max() <= 1
    assert not torch.equal(ours, batch(N))
    same_distribution(ours, theirs)


def test_the_strong_changes_are_as_strong_in_a_batch_as_one_by_one():
    torch.manual_seed(1)
    change, one_by_one = augmentation("strong", SIDE_PX), strong_one_by_one()
    ours = torch.cat([change(batch(4)) for _ in range(N // 4)])
    same_distribution(ours, torch.stack([one_by_one(FACE) for _ in range(N)]))


def test_the_papers_twelve_change_46_percent_of_the_images():
    torch.manual_seed(0)
    change = augmentation("paper", SIDE_PX)
    changed = [(change(batch(100)) != FACE).flatten(1).any(dim=1).numpy() for _ in range(30)]
    assert np.mean(changed) == pytest.approx(1 - 0.95**12, abs=0.03)  # 0.46, within three standard errors


def test_images_are_drawn_for_one_by_one_and_those_left_out_stay_as_they_are():
    torch.manual_seed(2)
    found = augmentation("paper", SIDE_PX)(batch(200))
    changed = (found != FACE).flatten(1).any(dim=1)
    assert 50 < changed.sum() < 150
    assert len({image.numpy().tobytes() for image in found[changed]}) > 0.6 * float(changed.sum())
    assert torch.equal(augmentation("none", SIDE_PX)(batch(3)), batch(3))


def test_draws_do_not_depend_on_how_the_batch_lies_in_memory():
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(5)
        change = augmentation("strong", SIDE_PX)
        found.append(change(batch(16).contiguous(memory_format=layout)))
    torch.testing.assert_close(*found, atol=1e-5, rtol=0)


@pytest.mark.parametrize("degrees", [0.0, 1e-6])
def test_what_is_not_moved_stays_where_it_is(degrees):
    torch.testing.assert_close(changes.moved(batch(2), degrees), batch(2))
    torch.testing.assert_close(changes.in_perspective(batch(2), 0.0), batch(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(changes.jittered(batch(2), 0.0, 0.0, 0.0, 0.0), batch(2), atol=1e-5, rtol=0)


@pytest.mark.parametrize("factor", [0.0, 0.1, 1.0, 3.0])
def test_one_factor_sharpens_as_torchvision_does(factor):
    found = changes.sharpened(batch(2), [factor])
    torch.testing.assert_close(found, functional.adjust_sharpness(batch(2), factor), atol=1e-6, rtol=0)


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_one_number_of_bits_posterizes_as_torchvision_does(bits):
    assert torch.equal(changes.posterized(batch(2), [bits]), functional.posterize(batch(2), bits))


@pytest.mark.parametrize("seed", range(5))
def test_pictures_without_colours_are_changed_as_with_three_equal_ones(seed):
    grey = functional.rgb_to_grayscale(batch(40))
    change = augmentation("strong", SIDE_PX)
    torch.manual_seed(seed)
    three = change(grey.expand(-1, 3, -1, -1).clone())
    torch.manual_seed(seed)
    one = change(grey.clone())
    assert one.shape == (40, 1, SIDE_PX, SIDE_PX)
    torch.testing.assert_close(one.expand_as(three), three, atol=1e-3, rtol=0)  # its weights of colours sum to 0.9999
    assert (one - grey).abs().mean() > 0.05


@pytest.mark.parametrize("number", range(12))
def test_each_of_the_twelve_takes_pictures_without_colours(number):
    torch.manual_seed(number)
    grey = functional.rgb_to_grayscale(batch(8))
    changed = twelve(SIDE_PX)[number](grey.clone())
    assert changed.shape == grey.shape
    assert 0 <= changed.min() <= changed.max() <= 1
