"""The frames of one video of the demo corpus, with the truth about each person in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from abaw.demo.actor import Actor, Image, Place
from abaw.demo.face import photograph
from abaw.demo.latent import blinking, latents, poses, wander
from abaw.demo.plan import TrackPlan, VideoPlan
from abaw.demo.puppet import ACTIONS
from abaw.demo.voice import Speech, openings

_BACKDROPS = ("coffee.png", "brick.png", "rocket.jpg", "motorcycle_left.png", "gravel.png")
"""Photographs of scikit-image without people, out of focus."""


@dataclass
class Seen:
    """What there is to see of one person, frame by frame.

    `opening` float64[n_frames], the lip gap over the distance between the eyes, and `box_px` float64[n_frames, 4],
    left, top, right, bottom of the face; both NaN where the person is out of the picture.
    """

    opening: np.ndarray
    box_px: np.ndarray


@dataclass
class _Part:
    """One person's part: who draws it, the pose of each frame, whether the person is there, and what is seen."""

    actor: Actor
    poses: np.ndarray
    present: np.ndarray
    seen: Seen


class Scene:
    """One video: iterate over `frames()` once, then read `seen`."""

    def __init__(self, video: VideoPlan, spoken: Mapping[str, Speech]) -> None:
        self._video = video
        self._rng = np.random.default_rng([video.seed, 6])
        times_s = frame_times(video, video.n_frames)
        self._parts = [
            _part(track, place, spoken[track.sample], times_s)
            for track, place in zip(video.tracks, _places(video, self._rng), strict=True)
        ]
        self._drift = wander(self._rng, times_s, 0.3)

    @property
    def seen(self) -> dict[str, Seen]:
        """What there is to see of each track, by sample."""
        return {track.sample: part.seen for track, part in zip(self._video.tracks, self._parts, strict=True)}

    def frames(self) -> Iterator[Image]:
        """Every frame, uint8[height_px, width_px, 3], BGR."""
        backdrop, light = self._backdrop(), self._light()
        for index in range(self._video.n_frames):
            frame = backdrop
            for part in self._parts:
                if part.present[index]:
                    pose = part.poses[index]
                    frame, part.seen.box_px[index] = part.actor.draw(frame, index, pose)
                    part.seen.opening[index] = pose[ACTIONS.index("opening")]
            yield cv2.multiply(frame, light * np.float32(1 + 0.04 * self._drift[index]), dtype=cv2.CV_8U)

    def _backdrop(self) -> Image:
        picture = photograph("skimage", f"data/{_BACKDROPS[int(self._rng.integers(len(_BACKDROPS)))]}")
        blurred = cv2.GaussianBlur(picture, (0, 0), 9)
        size = (self._video.width_px, self._video.height_px)
        tinted = cv2.resize(blurred, size, interpolation=cv2.INTER_AREA) * self._rng.uniform(0.55, 0.95, 3)
        return tinted.astype(np.uint8)

    def _light(self) -> np.ndarray:
        """Brightness and colour of the light, which falls off across the frame: float32[height_px, width_px, 3]."""
        across = np.linspace(-1, 1, self._video.width_px)[None, :, None] * self._rng.uniform(-0.15, 0.15)
        down = np.linspace(-1, 1, self._video.height_px)[:, None, None] * self._rng.uniform(-0.06, 0.06)
        colour = self._rng.uniform(0.85, 1.08) * self._rng.uniform(0.94, 1.06, 3)
        return ((1 + across + down) * colour).astype(np.float32)


def frame_times(video: VideoPlan, n_rows: int) -> np.ndarray:
    """The times of the first `n_rows` frames in seconds, float64[n_rows]; frame k begins at (k - 1) / fps."""
    return np.array([float(number / video.fps) for number in range(n_rows)])


def _part(track: TrackPlan, place: Place, speech: Speech, times_s: np.ndarray) -> _Part:
    felt = latents(track, times_s)
    gone_s, back_s = track.away_s or (0.0, 0.0)
    return _Part(
        actor=Actor(track, place, felt, times_s),
        poses=poses(felt, openings(speech.sound, times_s), blinking(track, times_s)),
        present=(times_s < gone_s) | (times_s >= back_s),
        seen=Seen(np.full(len(times_s), np.nan), np.full((len(times_s), 4), np.nan)),
    )


def _places(video: VideoPlan, rng: np.random.Generator) -> list[Place]:
    """People side by side, each in the middle of their share of the width."""
    share_px = video.width_px / len(video.tracks)
    return [
        Place(
            ((number + 0.5 + rng.uniform(-0.04, 0.04)) * share_px, video.height_px * 0.50),
            video.height_px * rng.uniform(0.48, 0.54),
        )
        for number in range(len(video.tracks))
    ]
