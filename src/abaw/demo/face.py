"""Photographs of faces that installed packages carry: found, cut out and set upright.

scikit-image brings a portrait of an astronaut (public domain), insightface a group photograph as its own test image.
Nothing of them is stored in this repository: they are read from where pip put them. They show real people, who feel and
say nothing of what the corpus makes them show: it is for trying out the workflow, not for publication.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
from mediapipe.python.solutions.face_mesh import FaceMesh
from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

from abaw.faces.solutions import start
from abaw.running.errors import UserError

CANVAS_PX = 384
FACE_HEIGHT_PX = 140.0
"""Distance on the canvas from the hairline (mesh point 10) to the chin (152)."""
FACE_CENTRE_PX = (192.0, 170.0)
RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)
"""The corners of an eye among the mesh points; right and left are the subject's own."""
HAIRLINE, CHIN = 10, 152

_SEARCH_PX = 320


@dataclass(frozen=True)
class Portrait:
    """Where an identity's face is: the package, the file in it, the face's centre and width in pixels of the file."""

    package: str
    file: str
    centre_px: tuple[int, int]
    width_px: int


_GROUP = ("insightface", "data/images/t1.jpg")
PORTRAITS: dict[str, Portrait] = {
    "amber": Portrait(*_GROUP, (119, 338), 110),
    "basil": Portrait(*_GROUP, (782, 414), 125),
    "cedar": Portrait("skimage", "data/astronaut.png", (226, 120), 104),
    "drake": Portrait(*_GROUP, (934, 134), 135),
    "ebony": Portrait(*_GROUP, (515, 348), 128),
    "flint": Portrait(*_GROUP, (1173, 347), 96),
    "grace": Portrait(*_GROUP, (311, 214), 105),
}


@dataclass(frozen=True)
class Cutout:
    """A face set upright on the canvas.

    `image` is uint8[CANVAS_PX, CANVAS_PX, 3], BGR; `alpha` float32[CANVAS_PX, CANVAS_PX] in 0..1, 1 on the person;
    `landmarks` float32[468, 2], the mesh points in pixels of the canvas.
    """

    image: np.ndarray
    alpha: np.ndarray
    landmarks: np.ndarray


def photograph(package: str, file: str) -> np.ndarray:
    """A picture that an installed package carries, uint8[height, width, 3], BGR; `UserError` where it does not."""
    path = files(package) / file
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR) if path.is_file() else None
    if picture is None:
        raise UserError(f"the demo corpus needs the picture {path}; install requirements.lock again")
    return picture


@cache
def cut_out(identity: str) -> Cutout:
    """The face of `identity` (a key of `PORTRAITS`) on the canvas; a photograph without it is a `UserError`."""
    portrait = PORTRAITS[identity]
    picture = photograph(portrait.package, portrait.file)
    points = _mesh(picture, portrait)
    if points is None:
        raise UserError(
            f"{portrait.file} of the package {portrait.package} shows no face at {portrait.centre_px}, where the demo "
            "corpus expects one; install requirements.lock again"
        )
    upright = _upright(points)
    image = cv2.warpAffine(
        picture, upright, (CANVAS_PX, CANVAS_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    landmarks = (points @ upright[:, :2].T + upright[:, 2]).astype(np.float32)
    return Cutout(image, _person(image) * _window(), landmarks)


def between_eyes(points: np.ndarray) -> np.ndarray:
    """From the centre of the right eye to that of the left, of mesh points float[468, 2]."""
    return points[list(LEFT_EYE)].mean(axis=0) - points[list(RIGHT_EYE)].mean(axis=0)


def _mesh(picture: np.ndarray, portrait: Portrait) -> np.ndarray | None:
    """float64[468, 2] in pixels of the picture, or None where the face mesh finds no face."""
    scale = _SEARCH_PX / (2.2 * portrait.width_px)
    shift = _SEARCH_PX / 2 - scale * np.array(portrait.centre_px)
    crop = cv2.warpAffine(
        picture,
        np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]),
        (_SEARCH_PX, _SEARCH_PX),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    with start(FaceMesh, static_image_mode=True, max_num_faces=1, min_detection_confidence=0.3) as mesh:
        found = mesh.process(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)).multi_face_landmarks
    if not found:
        return None
    points = np.array([(point.x, point.y) for point in found[0].landmark]) * _SEARCH_PX
    # Tenths of a pixel: the network's last digits may depend on the processor.
    return (np.round(points, 1) - shift) / scale


def _upright(points: np.ndarray) -> np.ndarray:
    """float64[2, 3]: from the picture to the canvas, eyes level, face of FACE_HEIGHT_PX at FACE_CENTRE_PX."""
    across = between_eyes(points)
    scale = FACE_HEIGHT_PX / float(np.linalg.norm(points[CHIN] - points[HAIRLINE]))
    roll = np.arctan2(across[1], across[0])
    turn = scale * np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    shift = np.array(FACE_CENTRE_PX) - turn @ ((points[CHIN] + points[HAIRLINE]) / 2)
    return np.hstack([turn, shift[:, None]])


def _person(image: np.ndarray) -> np.ndarray:
    with start(SelfieSegmentation, model_selection=0) as segmentation:
        mask = segmentation.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).segmentation_mask
    return np.clip((np.round(mask, 2) - 0.35) / 0.4, 0, 1).astype(np.float32)


def _window() -> np.ndarray:
    """Head and shoulders: it leaves out the neighbours of the group photograph."""
    window = np.zeros((CANVAS_PX, CANVAS_PX), np.uint8)
    cv2.ellipse(window, (194, 148), (108, 132), 0, 0, 360, 255, -1)
    shoulders = np.array([[140, 205], [244, 205], [330, 268], [352, 384], [32, 384], [54, 268]])
    cv2.fillPoly(window, [shoulders.astype(np.int32)], 255)
    return cv2.GaussianBlur(window, (0, 0), 5).astype(np.float32) / 255
