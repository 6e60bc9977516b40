"""A puppet in front of the camera: where it stands, how it moves its head, and each frame of it."""

from dataclasses import dataclass

import cv2
import numpy as np

from abaw.demo.face import FACE_CENTRE_PX, FACE_HEIGHT_PX
from abaw.demo.latent import Latents, wander
from abaw.demo.plan import TrackPlan
from abaw.demo.puppet import OVAL, Bent, displaced, puppet

Image = np.ndarray
Affine = np.ndarray
"""float64[2, 3], from the canvas to the frame."""

_MOUTH_BGR, _TONGUE_BGR, _TEETH_BGR = (16.0, 20.0, 50.0), (52.0, 58.0, 128.0), (84.0, 106.0, 138.0)
_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates."""


@dataclass(frozen=True)
class Place:
    """Where a person stands in the frame: the middle of the face, and the face's height, in pixels."""

    centre_px: tuple[float, float]
    face_px: float


class Actor:
    """One person of a video, drawn frame by frame onto the frames of a background."""

    def __init__(self, track: TrackPlan, place: Place, felt: Latents, times_s: np.ndarray) -> None:
        rng = np.random.default_rng([track.seed, 5])
        self._puppet = puppet(track.identity)
        tint = rng.uniform(0.92, 1.08, 3)
        colours = np.clip(self._puppet.image * tint, 0, 255)
        self._sprite = np.dstack([colours, np.full_like(colours[..., :1], 255)]) * self._puppet.alpha[..., None]
        self._sprite = self._sprite.astype(np.uint8)
        width = rng.uniform(0.95, 1.05)
        self._affines = [
            _affine(place, (-width if track.mirrored else width), *motion)
            for motion in _motion(rng, felt, times_s, place)
        ]

    def draw(self, frame: Image, index: int, pose: np.ndarray) -> tuple[Image, np.ndarray]:
        """The frame with the person on it, and the face's box, float64[4]: left, top, right, bottom in pixels."""
        affine, bent = self._affines[index], self._puppet.bend(pose)
        drawn = _blended(frame, _placed(self._sprite, affine, bent, frame.shape[1], frame.shape[0]))
        upper, lower = _moved(bent.upper, affine), _moved(bent.lower, affine)
        _paint_mouth(drawn, upper, lower, float(np.hypot(*affine[:, 1])))
        outline = _moved(displaced(self._puppet.landmarks[list(OVAL)], bent.field), affine)
        return drawn, np.concatenate([outline.min(axis=0), outline.max(axis=0)])


def _motion(rng: np.random.Generator, felt: Latents, times_s: np.ndarray, place: Place) -> np.ndarray:
    """Per frame: shift right and down in pixels, roll in radians, scale. Arousal makes the motion wider and faster."""
    calm, lively = (np.stack([wander(rng, times_s, rate_hz) for _ in range(4)], axis=1) for rate_hz in (0.4, 1.4))
    share = np.clip((felt.arousal[:, None] + 0.6) / 1.6, 0, 1)
    reach = place.face_px * np.array([0.035, 0.020, 0.0, 0.0]) + np.array([0.0, 0.0, 0.03, 0.012])
    motion = (0.7 * (1 - share) * calm + share * lively) * reach
    motion[:, 3] += 1
    return motion


def _affine(place: Place, width: float, right_px: float, down_px: float, roll: float, scale: float) -> Affine:
    zoom = scale * place.face_px / FACE_HEIGHT_PX
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]) @ np.diag([zoom * width, zoom])
    target = np.array(place.centre_px) + np.array([right_px, down_px])
    return np.hstack([turn, (target - turn @ np.array(FACE_CENTRE_PX))[:, None]])


def _moved(points: np.ndarray, affine: Affine) -> np.ndarray:
    return points @ affine[:, :2].T + affine[:, 2]


def _placed(sprite: Image, affine: Affine, bent: Bent, width_px: int, height_px: int) -> Image:
    """The sprite (BGR times alpha, alpha) bent and moved, in one resampling."""
    back = cv2.invertAffineTransform(affine)
    # The field has every second pixel of the canvas, and is read for every second pixel of the frame.
    halves = back.copy()
    halves[:, 2] = (back[:, :2] @ (0.5, 0.5) + back[:, 2] - 0.5) / 2
    bending = cv2.warpAffine(
        bent.field, halves, (width_px // 2, height_px // 2), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    bending = cv2.resize(bending, (width_px, height_px))
    x, y = np.arange(width_px), np.arange(height_px)[:, None]
    map_x = (back[0, 0] * x + back[0, 1] * y + back[0, 2]).astype(np.float32) + bending[..., 0]
    map_y = (back[1, 0] * x + back[1, 1] * y + back[1, 2]).astype(np.float32) + bending[..., 1]
    return cv2.remap(sprite, map_x, map_y, cv2.INTER_LINEAR)


def _blended(frame: Image, placed: Image) -> Image:
    through = cv2.cvtColor(255 - placed[..., 3], cv2.COLOR_GRAY2BGR)
    return cv2.add(placed[..., :3], cv2.multiply(frame, through, scale=1 / 255))


def _paint_mouth(frame: Image, upper: np.ndarray, lower: np.ndarray, zoom: float) -> None:
    """Paint what shows between the lips, float64[11, 2] each in the frame: dark, with upper teeth and the tongue."""
    gap_px = float((lower - upper)[:, 1].max())
    if gap_px < 0.8:
        return
    left, top = np.floor(np.minimum(upper, lower).min(axis=0)).astype(int) - 3
    right, bottom = np.ceil(np.maximum(upper, lower).max(axis=0)).astype(int) + 4
    left, top = max(left, 0), max(top, 0)
    patch = frame[top:bottom, left:right]
    if patch.size == 0:
        return
    upper, lower = upper - (left, top), lower - (left, top)
    inside = _filled(patch.shape[:2], np.vstack([upper, lower[::-1]]))
    painted: np.ndarray = np.full(patch.shape, _MOUTH_BGR, np.float32)
    _lay(painted, _TONGUE_BGR, _tongue(patch.shape[:2], upper, lower) * 0.8)
    arch = np.sin(np.linspace(0, np.pi, len(upper)))
    teeth = upper.copy()
    teeth[:, 1] += arch * min(0.28 * gap_px, 5.0 * zoom)
    # Below a few pixels the teeth would look like a lip, also to a face mesh.
    shown = 0.9 * float(np.clip(gap_px / (8 * zoom) - 0.5, 0, 1))
    _lay(painted, _TEETH_BGR, _filled(patch.shape[:2], np.vstack([upper - (0, 1), teeth[::-1]])) * shown)
    painted = cv2.GaussianBlur(painted, (3, 3), 0)
    mask = cv2.GaussianBlur(inside, (3, 3), 0)[..., None]
    patch[:] = np.round(patch * (1 - mask) + painted * mask)


def _tongue(shape: tuple[int, int], upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    middle = (0.3 * upper + 0.7 * lower)[3:-3]
    return cv2.GaussianBlur(_filled(shape, np.vstack([middle, lower[3:-3][::-1]])), (5, 5), 0)


def _lay(image: np.ndarray, colour: tuple[float, float, float], mask: np.ndarray) -> None:
    image += mask[..., None] * (np.array(colour, np.float32) - image)


def _filled(shape: tuple[int, int], outline: np.ndarray) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 2**_SHIFT).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) / 255
