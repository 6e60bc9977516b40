"""Crops whose mouths are measured when they are asked for, each near to where the mesh before it lay (paper §3.2.1).

From one picture to the next a face moves as its box does: what the mesh's own detector would find anew is known.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from abaw.faces.crop import decode_crop, encode_crop
from abaw.faces.mouth import Mouth, MouthMeter, Place

Measured = Callable[[], Mouth | None]
Pixels = Callable[[], np.ndarray]
"""The pixels of a crop: height x width x 3, uint8, RGB."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A face's `box` (x0, y0, x1, y1) in a picture, where its crop begins (x, y), and what measures the mouth in it."""

    box: NDArray[np.float64]
    corner_px: tuple[int, int]
    mouth: Measured

    def place_in(self, box: NDArray[np.float64], corner_px: tuple[int, int]) -> Place | None:
        """Where the mesh is expected in a crop of a later picture, in which the face has this box; None: unknown."""
        mouth = self.mouth()
        if mouth is None:
            return None
        moved = (box[:2] + box[2:] - self.box[:2] - self.box[2:]) / 2
        return mouth.place.moved(moved + np.array(self.corner_px) - np.array(corner_px))


def pixels_of(bgr: np.ndarray, jpeg_quality: int | None) -> Pixels:
    """The pixels of a part of a picture as RGB, which may be let go; with a quality held as JPEG until then."""
    if jpeg_quality is None:
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        return lambda: rgb
    return held(encode_crop(np.ascontiguousarray(bgr), jpeg_quality))


def held(jpeg: bytes) -> Pixels:
    """The pixels of a JPEG as RGB."""
    return lambda: decode_crop(jpeg)


def to_measure(
    pixels: Pixels,
    box: NDArray[np.float64],
    corner_px: tuple[int, int],
    meter: MouthMeter,
    before: Crop | None,
) -> Crop:
    """A crop whose mouth is measured once, near to where the mesh was `before`, if it was anywhere."""

    def mouth() -> Mouth | None:
        return meter.measure(pixels(), None if before is None else before.place_in(box, corner_px))

    return Crop(box, corner_px, cache(mouth))
