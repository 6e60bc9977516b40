"""Crops of faces: cut with a margin, stored as JPEG, read back (paper §3.2.2)."""

from collections.abc import Callable

import cv2
import numpy as np

Pixels = Callable[[], np.ndarray]
"""The pixels of a crop when they are asked for: height x width x 3, uint8, RGB."""


def crop_region(box: np.ndarray, margin_px: int, width: int, height: int) -> tuple[int, int, int, int]:
    """The pixels (x0, y0, x1, y1; ends excluded) that `box` touches, with a margin, clipped to the image."""
    x0, y0 = np.floor(box[:2]).astype(int) - margin_px
    x1, y1 = np.ceil(box[2:]).astype(int) + margin_px
    return max(int(x0), 0), max(int(y0), 0), min(int(x1), width), min(int(y1), height)


def fitted(bgr: np.ndarray, longer_side_px: int | None) -> np.ndarray:
    """An image (height x width x 3, uint8), made smaller where it is larger than that; None leaves it as it is.

    Each pixel is the mean of those that it stands for. What is four times too large or more is halved first, for which
    OpenCV has a quick way; of an odd number of rows or columns the last one then goes.
    """
    if longer_side_px is None:
        return bgr
    while max(bgr.shape[:2]) >= 4 * longer_side_px and min(bgr.shape[:2]) > 1:
        bgr = _smaller(bgr[: bgr.shape[0] & ~1, : bgr.shape[1] & ~1], 0.5)
    scale = longer_side_px / max(bgr.shape[:2])
    return bgr if scale >= 1 else _smaller(bgr, scale)


def _smaller(bgr: np.ndarray, scale: float) -> np.ndarray:
    size = max(1, round(bgr.shape[1] * scale)), max(1, round(bgr.shape[0] * scale))
    return cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)


def encode_crop(bgr: np.ndarray, jpeg_quality: int) -> bytes:
    """An image (height x width x 3, uint8) as JPEG of quality 1 to 100."""
    encoded, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    if not encoded:
        raise ValueError(f"an image of shape {bgr.shape} cannot be encoded as JPEG")
    return data.tobytes()


def decode_crop(jpeg: bytes) -> np.ndarray:
    """The pixels of a stored crop: height x width x 3, uint8, RGB. Raises ValueError where they are no image."""
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if bgr is None:
        raise ValueError("a stored crop is no image")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def pixels_of(bgr: np.ndarray, jpeg_quality: int | None) -> Pixels:
    """The pixels of a part of a picture, which may be let go; with a quality held as JPEG until then."""
    if jpeg_quality is None:
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        return lambda: rgb
    return held(encode_crop(np.ascontiguousarray(bgr), jpeg_quality))


def held(jpeg: bytes) -> Pixels:
    """The pixels of a JPEG."""
    return lambda: decode_crop(jpeg)


def refit_crop(jpeg: bytes, most_px: int, side_px: int, jpeg_quality: int = 95) -> bytes:
    """A stored crop as it is, or where its longer side is above `most_px`, smaller: it is `side_px` then.

    Raises ValueError where it is no image.
    """
    rgb = decode_crop(jpeg)
    if max(rgb.shape[:2]) <= most_px:
        return jpeg
    return encode_crop(cv2.cvtColor(fitted(rgb, side_px), cv2.COLOR_RGB2BGR), jpeg_quality)
