"""Whose face it is: faces turned upright and embedded by a network (Deng et al., ArcFace, CVPR 2019)."""

from os import PathLike

import cv2
import numpy as np
from numpy.typing import NDArray

from abaw.running.errors import UserError
from abaw.running.onnx import start_session
from abaw.weights.manifest import Weights

SIDE_PX = 112
PLACES_PX = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where `FIVE_POINTS` lie in the pictures that these networks were trained on."""


class Recogniser:
    """A network in ONNX that takes faces as `upright` makes them and gives embeddings, such as SFace."""

    def __init__(self, path: str | PathLike[str], weights: Weights, threads: int, device: str) -> None:
        self._session = start_session(path, threads, device)
        [first, *others] = self._session.get_inputs()
        if others or list(first.shape[1:]) != [3, SIDE_PX, SIDE_PX] or len(self._session.get_outputs()) != 1:
            raise UserError(
                f"{path} is no network that recognises faces; expected is one input of n x 3 x {SIDE_PX} x {SIDE_PX} "
                "and one output, as SFace and ArcFace have them"
            )
        if weights.mean is None or weights.std is None:
            raise UserError(f"the weights {weights.name} have no mean and std in resources/weights.yaml; add them")
        self._name, self._one_by_one = first.name, first.shape[0] == 1
        self._mean, self._std = (np.array(value, np.float32) for value in (weights.mean, weights.std))

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Embeddings of length 1, (n, d), of n faces (n, 112, 112, 3), RGB."""
        pixels = ((faces.astype(np.float32) - self._mean) / self._std).transpose(0, 3, 1, 2)
        parts = pixels[:, None] if self._one_by_one else pixels[None]
        found = np.concatenate([self._session.run(None, {self._name: np.ascontiguousarray(part)})[0] for part in parts])
        return found / np.linalg.norm(found, axis=1, keepdims=True).clip(1e-9)


def upright(rgb: NDArray[np.uint8], points_px: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The face with these five points (5, 2), turned, scaled and moved so that they lie at `PLACES_PX`: (112, 112, 3).

    Of all similarities it is the one with the least squared distance (Umeyama 1991), in complex numbers.
    """
    given, wanted = (points @ np.array([1, 1j]) for points in (points_px, PLACES_PX))
    from_middle, middle = given - given.mean(), given.mean()
    turn = np.vdot(from_middle, wanted - wanted.mean()) / np.vdot(from_middle, from_middle)
    move = wanted.mean() - turn * middle
    matrix = np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])
    return cv2.warpAffine(rgb, matrix, (SIDE_PX, SIDE_PX)).astype(np.uint8, copy=False)
