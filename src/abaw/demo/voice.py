"""Who says what, when and how: speech by espeak-ng, paced, pitched and weighted by what the speaker feels."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from abaw.demo.latent import latents
from abaw.demo.plan import CorpusPlan, TrackPlan, VideoPlan
from abaw.demo.sentences import SENTENCES
from abaw.running.errors import UserError
from abaw.tasks import EXPRESSIONS

RATE_HZ = 22050
Sound = NDArray[np.float32]
"""float32[samples] in [-1, 1] at RATE_HZ."""

_VOICES = {
    "amber": ("en-us+f2", 62),
    "basil": ("en-us+m1", 42),
    "cedar": ("en-us+f4", 52),
    "drake": ("en+m3", 34),
    "ebony": ("en-us+m7", 46),
    "flint": ("en+f3", 66),
    "grace": ("en-us+f5", 56),
}
"""Voice of espeak-ng, and the pitch (0..99) at which it speaks when nothing moves it."""

_SYNCHRONOUS, _NO_EXIT, _UTF8 = 2, 0x8000, 1
_SPEED, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_WINDOW_S = 0.08
_LOUD = 0.14
"""Root mean square of a loud vowel."""


@dataclass(frozen=True)
class Speech:
    """What one person says: the sound over the whole video, and when, as (start_s, end_s) of each sentence."""

    sound: Sound
    runs_s: tuple[tuple[float, float], ...]


def perform(plan: CorpusPlan) -> dict[str, Speech]:
    """The speech of every track, by sample, without noise.

    espeak-ng carries its state from one sentence to the next, so that a sentence depends on those before it: a fresh
    process speaks all of them in the plan's order, and the same plan sounds the same wherever it is called.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as stage:
        return stage.submit(_perform, plan).result()


def openings(sound: Sound, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lip gap over the distance between the eyes that the loudness of `sound` asks for at each time, float64[n]."""
    return 0.32 * np.minimum(loudness(sound, times_s) / _LOUD, 1.3) ** 0.7


def loudness(sound: Sound, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square of `sound` in a window of 80 ms around each time, float64[n]; silence lies outside the sound."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    first, last = (np.round((times_s + side * _WINDOW_S / 2) * RATE_HZ).astype(int) for side in (-1, 1))
    inside = energy[np.clip(last, 0, len(sound))] - energy[np.clip(first, 0, len(sound))]
    return np.sqrt(np.maximum(inside, 0) / (_WINDOW_S * RATE_HZ))


def mixed(video: VideoPlan, clean: Sound, runs_s: tuple[tuple[float, float], ...]) -> Sound:
    """The sound of a video: speech and, at the plan's ratio to the speech where it is spoken, hiss or music."""
    if video.noise is None:
        return clean
    rng = np.random.default_rng([video.seed, 3])
    noise = (_hiss if video.noise == "hiss" else _music)(rng, len(clean))
    noise /= np.sqrt(np.mean(noise**2))
    spoken = [clean[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] for start_s, end_s in runs_s]
    power = float(np.mean(np.concatenate(spoken) ** 2)) if spoken else 0.05**2
    level = np.sqrt(power / 10 ** ((video.snr_db or 0.0) / 10))
    return np.clip(clean + level * noise, -1, 1).astype(np.float32)


def _perform(plan: CorpusPlan) -> dict[str, Speech]:
    say = _speaker()
    spoken: dict[str, Speech] = {}
    for video in plan.videos:
        spoken |= _dialogue(video, say)
    return spoken


def _dialogue(video: VideoPlan, say: Callable[..., Sound]) -> dict[str, Speech]:
    """The people of a video speak in turns, one sentence each, with pauses that arousal shortens."""
    rng = np.random.default_rng([video.seed, 4])
    length = round(video.duration_s * RATE_HZ)
    sounds = {track.sample: np.zeros(length, np.float32) for track in video.tracks}
    runs: dict[str, list[tuple[float, float]]] = {track.sample: [] for track in video.tracks}
    speakers = [track for track in video.tracks if track.speaks]
    time_s, turn = float(rng.uniform(0.2, 0.5)), 0
    while speakers and time_s < video.duration_s - 0.8:
        track = speakers[turn % len(speakers)]
        sentence, arousal = _sentence(track, time_s, rng, say)
        start = round(time_s * RATE_HZ)
        sentence = _cut(sentence, length - start)
        sounds[track.sample][start : start + len(sentence)] = sentence
        runs[track.sample].append((start / RATE_HZ, (start + len(sentence)) / RATE_HZ))
        time_s = runs[track.sample][-1][1] + float(rng.uniform(1.2, 2.4)) * (1.0 - 0.5 * arousal)
        turn += 1
    return {sample: Speech(sounds[sample], tuple(runs[sample])) for sample in sounds}


def _sentence(
    track: TrackPlan, time_s: float, rng: np.random.Generator, say: Callable[..., Sound]
) -> tuple[Sound, float]:
    """A sentence that fits what the speaker feels in the next second and a half, without silence around it."""
    felt = latents(track, time_s + np.linspace(0, 1.5, 7))
    valence, arousal = float(felt.valence.mean()), float(felt.arousal.mean())
    sentences = SENTENCES[EXPRESSIONS[felt.expression[3]]]
    voice, pitch = _VOICES[track.identity]
    sound = say(
        voice,
        sentences[int(rng.integers(len(sentences)))],
        speed=round(175 + 45 * arousal),
        pitch=round(pitch + 18 * arousal),
        range_=round(50 + 25 * arousal + 15 * valence),
    )
    return sound * np.float32(0.62 + 0.36 * arousal), arousal


def _cut(sound: Sound, length: int) -> Sound:
    """At most `length` samples, faded out where that cuts it short."""
    if len(sound) <= length:
        return sound
    fade = round(0.05 * RATE_HZ)
    shorter = sound[:length].copy()
    shorter[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return shorter


def _hiss(rng: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Noise whose power falls with frequency, as that of a room does."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    return np.fft.irfft(spectrum / np.sqrt(1 + np.arange(len(spectrum)) / 200), length)


def _music(rng: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Soft chords of three notes, one each second and a half."""
    seconds = np.arange(length) / RATE_HZ
    music = np.zeros(length)
    for start_s in np.arange(0, length / RATE_HZ, 1.5):
        after = np.maximum(seconds - start_s, 0)
        swell = np.clip(after / 0.05, 0, 1) * np.exp(-after / 0.8)
        root_hz = 110 * 2 ** (rng.choice([0, 3, 5, 7, 10]) / 12)
        for semitones in (0, 4, 7):
            pitch_hz = root_hz * 2 ** (semitones / 12)
            music += swell * (np.sin(2 * np.pi * pitch_hz * after) + 0.4 * np.sin(4 * np.pi * pitch_hz * after))
    return music


def _speaker() -> Callable[..., Sound]:
    """Start espeak-ng in this process; returns a function that speaks one sentence.

    The process works in the folder of espeak-ng's data from then on, for espeak-ng takes no path to it of more than 160
    characters, which an environment deep in folders has.
    """
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    os.chdir(Path(espeakng_loader.get_data_path()).parent)
    parts: list[NDArray[np.int16]] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def keep(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int | None) -> int:
        if samples and count > 0:
            parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    rate_hz = library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _NO_EXIT)
    if rate_hz != RATE_HZ:
        raise UserError(
            f"espeak-ng of the package espeakng-loader did not start (it answered {rate_hz}, expected {RATE_HZ}); "
            "install requirements.lock again"
        )
    library.espeak_SetSynthCallback(keep)
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))

    def say(voice: str, text: str, *, speed: int, pitch: int, range_: int) -> Sound:
        parts.clear()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise UserError(f"espeak-ng has no voice {voice!r}; install requirements.lock again")
        for parameter, value in ((_SPEED, speed), (_VOLUME, 100), (_PITCH, pitch), (_RANGE, range_)):
            library.espeak_SetParameter(parameter, int(np.clip(value, 0, 400 if parameter == _SPEED else 99)), 0)
        spoken = text.encode() + b"\0"
        library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken)), 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        return _trimmed((np.concatenate(parts) / 32768).astype(np.float32))

    # ctypes does not hold on to the callback: it has to live as long as what calls it.
    say.keep = keep  # type: ignore[attr-defined]
    return say


def _trimmed(sound: Sound) -> Sound:
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return sound[loud[0] : loud[-1] + 1]
