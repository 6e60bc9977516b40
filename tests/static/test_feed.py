"""Pictures on their way to the network: the same, whatever the threads and whether they are kept decoded."""

import time
from itertools import count
from pathlib import Path
from tempfile import gettempdir

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from abaw.faces.crop import decode_crop, encode_crop
from abaw.running.ahead import ahead
from abaw.static import feed as feed_module
from abaw.static.feed import Feed, Jpegs
from abaw.static.images import letterbox

CPU = torch.device("cpu")
FULL = Path("/dev/full")
SIDE_PX = 40
ORDERS = [torch.tensor(items) for items in ([3, 0, 1], [9, 9], [2, 4, 5, 6], [7, 8])]


def crops() -> list[bytes]:
    """Ten faces of 20 to 200 px, of different shapes."""
    photo = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR)
    return [encode_crop(photo[0 : 20 * (k + 1), 100 : 100 + 18 * (k + 1)], 95) for k in range(10)]


def fed(threads: int, held_bytes: int) -> list[tuple[Tensor, Tensor]]:
    feed = Feed(Jpegs.of(crops(), SIDE_PX, threads), SIDE_PX, CPU, threads, held_bytes)
    assert (feed.held is None) == (held_bytes == 0)
    return [*feed.batches(ORDERS)]


@pytest.mark.parametrize("held_bytes", [0, 10**9])
def test_batches_are_the_same_whatever_the_threads_and_whether_they_are_kept(held_bytes):
    expected = fed(1, 0)
    for (items, pixels), (wanted, as_wanted), order in zip(fed(4, held_bytes), expected, ORDERS, strict=True):
        assert torch.equal(items, order)
        assert torch.equal(wanted, order)
        assert torch.equal(pixels, as_wanted)


def test_pictures_are_letterboxed_and_those_much_larger_are_stored_smaller():
    stored = Jpegs.of(crops(), SIDE_PX)
    [(_, pixels)] = Feed(stored, SIDE_PX, CPU, held_bytes=0).batches([torch.arange(10)])
    for number, jpeg in enumerate(crops()):
        whole = letterbox(decode_crop(jpeg), SIDE_PX)
        if number < 2:  # 20 and 40 px
            assert stored.read(number) == jpeg
            assert (pixels[number].numpy() == whole).all()
        else:
            longer = max(decode_crop(stored.read(number)).shape)
            assert longer == SIDE_PX
            assert np.abs(pixels[number].numpy().astype(float) - whole).mean() < 4  # compressed once more
    with pytest.raises(ValueError, match="a stored crop is no image"):
        Jpegs.of([b"no image"], SIDE_PX)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_scratch_disk_is_said_with_its_folder(monkeypatch):
    monkeypatch.setattr(feed_module, "TemporaryFile", lambda **_: FULL.open("r+b", buffering=0))
    with pytest.raises(OSError, match=rf"No space left on device: '{gettempdir()}'"):
        Jpegs.of(crops(), SIDE_PX)


def test_threads_stay_so_many_items_ahead_and_no_more():
    taken = []

    def items():
        for number in count():
            taken.append(number)
            yield number

    results = ahead(lambda number: (time.sleep(0.001 * (number % 3)), number)[1], items(), threads=3, lead=5)
    assert [next(results) for _ in range(20)] == list(range(20))
    assert len(taken) == 20 + 5
    results.close()
    assert [*ahead(str, [], 2, 4)] == []


def test_what_goes_wrong_ahead_is_raised_when_it_is_due():
    results = ahead(lambda number: 1 / (3 - number), range(9), threads=2, lead=4)
    assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
