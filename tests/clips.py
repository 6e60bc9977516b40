"""Small videos for tests, whose frames carry their own number."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 8


def numbered(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A picture of `number` (1 to 255) as eight black and white bars, lowest bit first."""
    bars = [255 * (number >> bit & 1) for bit in range(BITS)]
    return np.broadcast_to(np.repeat(bars, width // BITS)[None, :, None], (height, width, 3)).astype(np.uint8)


def number_of(bgr: np.ndarray) -> int:
    """The number that `numbered` drew."""
    bars = bgr.mean(axis=(0, 2)).reshape(BITS, -1).mean(axis=1) > 128
    return sum(int(bar) << bit for bit, bar in enumerate(bars))


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    fps: Fraction,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    rotation: int = 0,
    container: dict[str, str] | None = None,
    encoder: dict[str, str] | None = None,
) -> Path:
    """Write BGR frames; `pts` are their times in units of 1 / fps (default 0, 1, ...)."""
    with av.open(f"file:{path.absolute()}", "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=fps, options=encoder or {})
        stream.pix_fmt = pix_fmt
        for index, bgr in enumerate(frames):
            if index == 0:
                stream.height, stream.width = bgr.shape[:2]
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            frame.pts, frame.time_base = pts[index] if pts else index, 1 / fps
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def write_numbered(path: Path, n_frames: int, fps: Fraction, **options: object) -> Path:
    return write_clip(path, (numbered(k + 1) for k in range(n_frames)), fps, **options)
