"""A photograph that moves: a few facial actions as displacement fields, and a mouth that opens.

Fields are backward maps on the canvas: a pixel of the result is fetched from its own place plus the field. They are
sums of an action's amplitude times a field made once per identity, so a frame costs one small product and one remap.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from abaw.demo.face import CANVAS_PX, CHIN, FACE_CENTRE_PX, FACE_HEIGHT_PX, between_eyes, cut_out

Field = np.ndarray
"""float32[FIELD_PX, FIELD_PX, 2]: x and y displacements in canvas pixels, at every second pixel of the canvas."""

FIELD_PX = CANVAS_PX // 2
UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""Inner contours, from the subject's right corner to the left."""
_LEFT_SIDE = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377)
_RIGHT_SIDE = (152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
OVAL = _LEFT_SIDE + _RIGHT_SIDE
"""The outline of the face."""

_CORNERS, _BROWS_INNER, _BROWS_OUTER = (61, 291), (107, 55, 336, 285), (105, 63, 70, 334, 293, 300)
_LIDS_UPPER, _LIDS_LOWER = (160, 159, 158, 385, 386, 387), (144, 145, 153, 380, 374, 373)
_NOSE_WINGS, _LIP_TOP, _CHEEKS = (129, 358), (37, 0, 267), (50, 280)
_UPPER_SHARE = 0.15
"""The upper lip's share of an opening."""


@dataclass(frozen=True)
class _Pull:
    """Mesh points that move by (`outwards`, `up`) with what lies within `radius`, all in face heights."""

    points: tuple[int, ...]
    outwards: float
    up: float
    radius: float


_ACTIONS: dict[str, tuple[_Pull, ...]] = {
    "smile": (_Pull(_CORNERS, 0.025, 0.06, 0.13), _Pull(_CHEEKS, 0.0, 0.025, 0.13)),
    "stretch": (_Pull(_CORNERS, 0.06, -0.01, 0.13),),
    "brows": (_Pull(_BROWS_INNER + _BROWS_OUTER, 0.0, 0.06, 0.09),),
    "brow_inner": (_Pull(_BROWS_INNER, 0.0, 0.06, 0.09),),
    "frown": (_Pull(_BROWS_INNER, -0.025, -0.01, 0.08),),
    "eyes": (_Pull(_LIDS_UPPER, 0.0, 0.022, 0.04), _Pull(_LIDS_LOWER, 0.0, -0.009, 0.035)),
    "nose": (_Pull(_NOSE_WINGS, 0.012, 0.03, 0.07), _Pull(_LIP_TOP, 0.0, 0.035, 0.06)),
}
"""At amplitude 1; at a negative amplitude the opposite."""

ACTIONS = (*_ACTIONS, "smirk", "press", "turn", "nod", "blink", "opening")
"""The actions of a pose. `smirk` lifts one corner of the lips, `turn` and `nod` move the middle of the face; `opening`,
the last, is the lip gap over the distance between the eyes' centres."""


@dataclass(frozen=True)
class Lips:
    """The line where the closed lips meet, from corner to corner, and how they part.

    `seam` is float32[11, 2] on the canvas; `arch` and `jaw` float32[11] in 0..1, how far the lips and the jaw give way
    at these places; `eyes_px` the distance between the eyes' centres, which is what an opening of 1 would be.
    """

    seam: np.ndarray
    arch: np.ndarray
    jaw: np.ndarray
    eyes_px: float


@dataclass(frozen=True)
class Bent:
    """A pose laid out: the whole field, and the inner lips under it, float32[11, 2] each, upper and lower."""

    field: Field
    upper: np.ndarray
    lower: np.ndarray


@dataclass(frozen=True)
class Puppet:
    """A neutral face with closed lips, and what moves it.

    `image` and `alpha` as in `Cutout`; `landmarks` float32[468, 2] of the neutral face; `fields` float32[actions,
    FIELD_PX * FIELD_PX * 2] in the order of `ACTIONS`, at amplitude 1.
    """

    image: np.ndarray
    alpha: np.ndarray
    landmarks: np.ndarray
    lips: Lips
    fields: np.ndarray

    def bend(self, pose: np.ndarray) -> Bent:
        """Lay out a pose, float32[actions] in the order of `ACTIONS`: the face moves, then the lips part on it."""
        opening = max(float(pose[-1]), 0.0)
        face = (pose[:-1] @ self.fields[:-1]).reshape(FIELD_PX, FIELD_PX, 2)
        parted = _followed(opening * self.fields[-1].reshape(FIELD_PX, FIELD_PX, 2), face)
        seam = displaced(self.lips.seam, face)
        upper, lower = seam.copy(), seam.copy()
        upper[:, 1] -= opening * self.lips.eyes_px * _UPPER_SHARE * self.lips.arch
        lower[:, 1] += _sinking(self.lips, opening)
        return Bent(parted + _followed(face, parted), upper, lower)


@cache
def puppet(identity: str) -> Puppet:
    """The puppet of `identity`, a key of `abaw.demo.face.PORTRAITS`."""
    cutout = cut_out(identity)
    closing = _closing(cutout.landmarks)
    image, landmarks = _fetched(cutout.image, closing), displaced(cutout.landmarks, closing)
    landmarks[list(UPPER_LIP)] = landmarks[list(LOWER_LIP)] = _middle(cutout.landmarks)
    sober = -_smile_of(landmarks) * _pulled(landmarks, _ACTIONS["smile"])
    image, landmarks = _fetched(image, sober), displaced(landmarks, sober)
    return Puppet(image, cutout.alpha, landmarks, _lips(landmarks), _fields(landmarks))


def displaced(points: np.ndarray, field: Field) -> np.ndarray:
    """Where the canvas points float32[n, 2] come to lie under a field: the inverse of the backward map."""
    moved = points
    for _ in range(6):
        # Half a step at a time: where the field falls off steeply, whole steps would overshoot.
        moved = (moved + points - _sampled(field, moved)) / 2
    return moved


def _fields(landmarks: np.ndarray) -> np.ndarray:
    pulled = {action: _pulled(landmarks, pulls) for action, pulls in _ACTIONS.items()}
    x, y = _grid()
    from_middle = ((x - FACE_CENTRE_PX[0]) / 60) ** 2 + ((y - FACE_CENTRE_PX[1]) / 75) ** 2
    dome = FACE_HEIGHT_PX * 0.05 * np.exp(-from_middle)
    nothing = np.zeros_like(dome)
    right_half = 1 / (1 + np.exp((x - landmarks[0, 0]) / 8))
    pulled["smirk"] = pulled["smile"] * right_half[..., None]
    pulled["press"] = _pulled(landmarks, (_Pull((0,), 0.0, -0.02, 0.05), _Pull((17,), 0.0, 0.025, 0.05)))
    pulled["turn"] = np.dstack([-dome, nothing])
    pulled["nod"] = np.dstack([nothing, -dome])
    pulled["blink"] = _blink(landmarks)
    pulled["opening"] = _opening(landmarks)
    return np.stack([pulled[action].ravel() for action in ACTIONS]).astype(np.float32)


@cache
def _grid() -> tuple[np.ndarray, np.ndarray]:
    """The canvas coordinates of a field's points."""
    y, x = np.mgrid[0:FIELD_PX, 0:FIELD_PX].astype(np.float32) * 2 + 0.5
    return x, y


def _pulled(landmarks: np.ndarray, pulls: tuple[_Pull, ...]) -> Field:
    return np.stack([_pull(landmarks, pull) for pull in pulls]).sum(axis=0)


def _pull(landmarks: np.ndarray, pull: _Pull) -> Field:
    x, y = _grid()
    middle = landmarks[list(pull.points), 0].mean()
    total, shift = np.zeros_like(x), np.zeros((FIELD_PX, FIELD_PX, 2), np.float32)
    for point_x, point_y in landmarks[list(pull.points)]:
        near = np.exp(-((x - point_x) ** 2 + (y - point_y) ** 2) / (2 * (pull.radius * FACE_HEIGHT_PX / 1.5) ** 2))
        outwards = np.sign(point_x - middle) * pull.outwards
        total += near
        shift += near[..., None] * np.array([-outwards, pull.up], np.float32) * FACE_HEIGHT_PX
    # Neighbouring points pull together, not twice.
    return shift / np.maximum(total, 1)[..., None]


def _middle(landmarks: np.ndarray) -> np.ndarray:
    """Between the inner lips, from corner to corner: float32[11, 2]."""
    return (landmarks[list(UPPER_LIP)] + landmarks[list(LOWER_LIP)]) / 2


def _seam(landmarks: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At each x: the height of the line between the lips, and half the gap between them."""
    middle, gap = _middle(landmarks), landmarks[list(LOWER_LIP), 1] - landmarks[list(UPPER_LIP), 1]
    order = np.argsort(middle[:, 0])
    at, height = middle[order].T
    return np.interp(x, at, height), np.interp(x, at, np.maximum(gap[order], 0), left=0, right=0) / 2


def _give(landmarks: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At each x, how far the lips and the jaw give way when the mouth opens, 0..1: the corners stay."""
    left, right = sorted(landmarks[[78, 308], 0])
    inside = np.clip((x - left) / (right - left), 0, 1)
    jaw = np.exp(-(((x - (left + right) / 2) / (0.36 * FACE_HEIGHT_PX)) ** 2))
    return np.sqrt(4 * inside * (1 - inside)), jaw


def _lips(landmarks: np.ndarray) -> Lips:
    seam = _middle(landmarks)
    eyes_px = float(np.linalg.norm(between_eyes(landmarks)))
    return Lips(seam, *_give(landmarks, seam[:, 0]), eyes_px)


def _sinking(lips: Lips, opening: float) -> np.ndarray:
    """How far the lower lip goes down at each point of the seam, in pixels: read where it arrives, as the field is."""
    full = opening * lips.eyes_px * (1 - _UPPER_SHARE)
    down = full * lips.arch
    for _ in range(3):
        down = full * _low(lips.arch, lips.jaw, down)
    return down


def _low(arch: np.ndarray, jaw: np.ndarray, below: np.ndarray) -> np.ndarray:
    return arch + (jaw - arch) * _step(below, 0, 0.25 * FACE_HEIGHT_PX)


def _step(value: np.ndarray, start: float, end: float) -> np.ndarray:
    share = np.clip((value - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def _closing(landmarks: np.ndarray) -> Field:
    """Brings the lips of the photograph together; the teeth vanish in the seam."""
    x, y = _grid()
    seam, half_gap = _seam(landmarks, x)
    # The mesh runs along the rim of the teeth: where they show, a little more has to go.
    hidden = half_gap + 2 * _step(half_gap, 0.5, 3)
    above, below = seam - y, y - seam
    up = hidden * (1 - _step(above, 0, 0.12 * FACE_HEIGHT_PX)) * (above > 0)
    down = hidden * (1 - _step(below, 0, 0.30 * FACE_HEIGHT_PX)) * (below >= 0)
    return np.dstack([np.zeros_like(x), down - up]).astype(np.float32)


def _smile_of(landmarks: np.ndarray) -> float:
    """How much of the action `smile` a face shows: as much as lifts the corners from the height of the lips' middle."""
    centre = landmarks[[13, 14], 1].mean()
    lift = (centre - landmarks[list(_CORNERS), 1].mean()) / FACE_HEIGHT_PX
    # A pull of 0.06 carries the corners somewhat less far, since they leave its centre.
    return float(np.clip(lift / 0.048, -1.0, 1.0))


def _opening(landmarks: np.ndarray) -> Field:
    """The lower lip and the jaw go down, the upper lip a little up."""
    x, y = _grid()
    seam, _ = _seam(landmarks, x)
    arch, jaw = _give(landmarks, x)
    below = y - seam
    low = _low(arch, jaw, below) * (1 - _step((y - landmarks[CHIN, 1]) / FACE_HEIGHT_PX, 0.02, 0.40))
    high = arch * (1 - _step(-below, 0, 0.09 * FACE_HEIGHT_PX))
    up = np.where(below >= 0, (_UPPER_SHARE - 1) * low, _UPPER_SHARE * high)
    eyes_px = np.linalg.norm(between_eyes(landmarks))
    return np.dstack([np.zeros_like(x), eyes_px * up]).astype(np.float32)


def _blink(landmarks: np.ndarray) -> Field:
    """The skin above an eye is drawn over it, down to the lower lid."""
    x, y = _grid()
    down = np.zeros_like(x)
    for outer, inner, top, bottom in ((33, 133, 159, 145), (263, 362, 386, 374)):
        left, right = sorted((landmarks[outer, 0], landmarks[inner, 0]))
        inside = np.clip((x - left) / (right - left), 0, 1)
        arch = 4 * inside * (1 - inside)
        height = landmarks[bottom, 1] - landmarks[top, 1]
        lid = landmarks[bottom, 1]
        down -= height * arch * _step(y, lid - 2.4 * height, lid) * (1 - _step(y, lid, lid + 3))
    return np.dstack([np.zeros_like(x), down]).astype(np.float32)


def _followed(field: Field, first: Field) -> Field:
    """A field read where another one has led to."""
    x, y = _grid()
    return cv2.remap(field, (x + first[..., 0] - 0.5) / 2, (y + first[..., 1] - 0.5) / 2, cv2.INTER_LINEAR)


def _fetched(image: np.ndarray, field: Field) -> np.ndarray:
    full = cv2.resize(field, (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_LINEAR)
    y, x = np.mgrid[0:CANVAS_PX, 0:CANVAS_PX].astype(np.float32)
    return cv2.remap(image, x + full[..., 0], y + full[..., 1], cv2.INTER_CUBIC)


def _sampled(field: Field, points: np.ndarray) -> np.ndarray:
    at = np.clip((points - 0.5) / 2, 0, FIELD_PX - 1).astype(np.float32)
    return cv2.remap(field, at[:, None, 0].copy(), at[:, None, 1].copy(), cv2.INTER_LINEAR)[:, 0]
