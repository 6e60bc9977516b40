"""One picture of a video: how large it is as shown, and a small JPEG of it."""

from dataclasses import dataclass
from pathlib import Path

import cv2

from abaw.media.video import frames_at

THUMBNAIL_PX = 320
_QUALITY = 80


@dataclass(frozen=True)
class Still:
    """Width and height of the picture as it is shown, and a JPEG at most `THUMBNAIL_PX` wide and high."""

    size_px: tuple[int, int]
    jpeg: bytes


def still_of(video: Path, time_s: float) -> Still:
    """The picture nearest to a time; `UserError` where the video cannot be read."""
    [frame] = frames_at(video, [time_s])
    height, width = frame.bgr.shape[:2]
    scale = min(1.0, THUMBNAIL_PX / max(width, height))
    small = cv2.resize(
        frame.bgr, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return Still((width, height), jpeg.tobytes())
