"""What a person of the demo corpus feels at each moment, and how the face shows it.

Valence, arousal and expression are drawn first and drive face and voice; the labels are these curves at the frames'
times, so that what a model learns from the corpus is there to be measured.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abaw.demo.plan import TrackPlan
from abaw.demo.puppet import ACTIONS
from abaw.tasks import EXPRESSIONS

Curve = NDArray[np.float64]

_TRANSITION_S = 0.8
_WOBBLE = 0.10
"""Standard deviation of the smooth random variation of valence and arousal."""

_PROTOTYPES = {
    "Neutral": (0.0, -0.1),
    "Anger": (-0.6, 0.65),
    "Disgust": (-0.6, 0.15),
    "Fear": (-0.45, 0.75),
    "Happiness": (0.8, 0.4),
    "Sadness": (-0.7, -0.55),
    "Surprise": (0.25, 0.8),
    "Other": (0.35, -0.5),
}
"""Valence and arousal of each expression at full strength."""

_POSES: dict[str, dict[str, float]] = {
    "Neutral": {},
    "Anger": {"brows": -1.2, "frown": 0.8, "press": 0.9, "stretch": -0.2},
    "Disgust": {"nose": 1.3, "brows": -0.7, "eyes": -0.5},
    "Fear": {"brow_inner": 0.7, "stretch": 1.0, "opening": 0.06},
    "Happiness": {"stretch": 0.4},
    "Sadness": {"brow_inner": 1.0, "nod": -0.4, "press": 0.3},
    "Surprise": {"brows": 0.9, "opening": 0.16, "stretch": -0.6},
    "Other": {"smirk": 1.1, "turn": 1.2},
}
"""The face's own amplitudes of each expression at full strength; what valence and arousal do comes on top."""

_OF_VALENCE = {"smile": 1.0}
_OF_AROUSAL = {"eyes": 0.8, "brows": 0.6, "nod": 0.9}


@dataclass(frozen=True)
class Latents:
    """The curves at n times.

    `valence` and `arousal` are float64[n] in [-1, 1]; `expression` int64[n], index into `EXPRESSIONS`; `shown`
    float64[n, 8], how strongly each expression shows, 0..1, with soft transitions.
    """

    valence: Curve
    arousal: Curve
    expression: NDArray[np.int64]
    shown: Curve


def latents(track: TrackPlan, times_s: Curve) -> Latents:
    """The curves of a track at `times_s`, float64[n] in seconds; times beyond the last segment belong to it."""
    rng = np.random.default_rng([track.seed, 1])
    shown = np.zeros((len(times_s), len(EXPRESSIONS)))
    dimensions = np.zeros((len(times_s), 2))
    last = len(track.segments) - 1
    for number, segment in enumerate(track.segments):
        rising = _ramp(times_s - segment.start_s) if number > 0 else np.ones_like(times_s)
        falling = _ramp(times_s - segment.end_s) if number < last else np.zeros_like(times_s)
        weight = rising - falling
        centre = np.array(_PROTOTYPES[EXPRESSIONS[segment.expression]]) * segment.strength + rng.normal(0, 0.08, 2)
        shown[:, segment.expression] += weight * segment.strength
        dimensions += weight[:, None] * centre
    dimensions += _WOBBLE * np.stack([wander(rng, times_s, 0.5), wander(rng, times_s, 0.5)], axis=1)
    valence, arousal = np.clip(dimensions, -1, 1).T
    starts_s = [segment.start_s for segment in track.segments]
    classes = np.array([segment.expression for segment in track.segments])
    return Latents(valence, arousal, classes[np.searchsorted(starts_s, times_s, side="right") - 1], shown)


def poses(felt: Latents, speaking: Curve, blinks: Curve) -> NDArray[np.float32]:
    """Amplitudes float32[n, actions] in the order of `ACTIONS`.

    `speaking`, float64[n], is the lip gap of speech over the distance between the eyes; `blinks`, float64[n],
    is 0 for open eyes and 1 for closed ones.
    """
    own = np.array([_vector(_POSES[name]) for name in EXPRESSIONS])
    total = felt.shown @ own
    total += np.outer(felt.valence, _vector(_OF_VALENCE)) + np.outer(felt.arousal, _vector(_OF_AROUSAL))
    total[:, ACTIONS.index("opening")] += speaking
    total[:, ACTIONS.index("blink")] += blinks
    return total.astype(np.float32)


def blinking(track: TrackPlan, times_s: Curve) -> Curve:
    """float64[n] in 0..1: the eyes close for about a sixth of a second, every few seconds."""
    rng = np.random.default_rng([track.seed, 2])
    starts_s = np.cumsum(rng.uniform(1.5, 5.0, 20))
    near = np.abs(times_s[:, None] - starts_s[None, :]).min(axis=1)
    return np.clip(1.4 * (1 - near / 0.14), 0, 1)


def wander(rng: np.random.Generator, times_s: Curve, fastest_hz: float) -> Curve:
    """A smooth random curve of zero mean and unit variance: sines of random phase up to `fastest_hz`."""
    rates_hz, phases = rng.uniform(0.2, 1, 6) * fastest_hz, rng.uniform(0, 2 * np.pi, 6)
    return np.sin(2 * np.pi * np.outer(times_s, rates_hz) + phases).sum(axis=1) / np.sqrt(3)


def _vector(amplitudes: dict[str, float]) -> Curve:
    return np.array([amplitudes.get(action, 0.0) for action in ACTIONS])


def _ramp(after_s: Curve) -> Curve:
    share = np.clip(after_s / _TRANSITION_S + 0.5, 0, 1)
    return share * share * (3 - 2 * share)
