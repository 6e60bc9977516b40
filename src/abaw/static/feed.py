"""Pictures on their way to the network: kept compressed or decoded, made ready by threads ahead of their use."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw.faces.crop import decode_crop, refit_crop
from abaw.running.ahead import ahead
from abaw.running.files import named_scratch
from abaw.static.images import letterbox

HELD_BYTES = 1 << 30
"""Pictures of a training or validation that are decoded once and kept, if they take no more: 28,500 of 112 px."""
LEAD = 4
"""Batches that are ready or being made, beside one for each thread."""
_READ_AHEAD = 256
_LARGER = 1.25
"""A crop whose longer side is so much longer than the network's side is made smaller when it is first read."""


@dataclass(frozen=True)
class Jpegs:
    """Compressed images, one after the other in a scratch file without a name, which goes with the process.

    In memory are only their places in it, (n,): AffWild2's crops, or those of ten corpora, are more than that holds.
    What is free of the memory caches the file, without this process's asking.
    """

    file: IO[bytes]
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, jpegs: Iterable[bytes], side_px: int, threads: int = 1) -> "Jpegs":
        """Write the images, as they come, to the folder that TMPDIR names, none much larger than `side_px` square.

        Raises ValueError where one is no image, and OSError, with the folder's name, where its disk is full.
        """
        file = TemporaryFile(prefix="abaw.crops.")  # noqa: SIM115 (it lives as long as this object)
        most_px = round(_LARGER * side_px)
        fitted = ahead(lambda jpeg: refit_crop(jpeg, most_px, side_px), jpegs, threads, _READ_AHEAD)
        with named_scratch():
            sizes = np.fromiter((file.write(jpeg) for jpeg in fitted), np.int64)
            file.flush()
        return cls(file, np.cumsum(sizes) - sizes, sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, items: NDArray[np.integer]) -> "Jpegs":
        """Some of the images, out of the same file."""
        return Jpegs(self.file, self.begins[items], self.sizes[items])

    def read(self, item: int) -> bytes:
        """One image; threads may read at the same time."""
        return os.pread(self.file.fileno(), int(self.sizes[item]), int(self.begins[item]))


class Batch(NamedTuple):
    """The numbers (n,) of some pictures, and their pixels (n, side_px, side_px, 3), uint8, RGB; both on the host."""

    items: Tensor
    pixels: Tensor


class Feed:
    """Batches of letterboxed pictures, ready ahead of their use; which they are does not depend on the threads.

    Pictures that take no more than `held_bytes` are decoded once, here. Others are decoded each time. For a `cuda`
    device the batches lie in pinned memory, from where they are sent without waiting.
    """

    def __init__(
        self, jpegs: Jpegs, side_px: int, device: torch.device, threads: int = 1, held_bytes: int = HELD_BYTES
    ) -> None:
        self.jpegs = jpegs
        self.side_px = side_px
        self.threads = threads
        self.pinned = device.type == "cuda"
        self.held: Tensor | None = None
        if len(jpegs) * side_px**2 * 3 <= held_bytes:
            parts = torch.arange(len(jpegs)).split(_READ_AHEAD)
            decoded = [batch.pixels for batch in ahead(self._decoded, parts, threads, threads)]
            self.held = torch.cat(decoded) if decoded else torch.empty((0, side_px, side_px, 3), dtype=torch.uint8)

    def batches(self, orders: Iterable[Tensor]) -> Iterator[Batch]:
        """The pictures of each of `orders`, numbers (n,), in turn."""
        if self.held is not None and not self.pinned:
            return (Batch(items, self.held[items]) for items in orders)  # quicker than any thread
        return ahead(self._decoded if self.held is None else self._taken, orders, self.threads, self.threads + LEAD)

    def _decoded(self, items: Tensor) -> Batch:
        pixels = torch.empty((len(items), self.side_px, self.side_px, 3), dtype=torch.uint8, pin_memory=self.pinned)
        for place, item in zip(pixels.numpy(), items.tolist(), strict=True):
            place[:] = letterbox(decode_crop(self.jpegs.read(item)), self.side_px)
        return Batch(items.pin_memory() if self.pinned else items, pixels)

    def _taken(self, items: Tensor) -> Batch:
        assert self.held is not None
        return Batch(items.pin_memory(), self.held[items].pin_memory())
