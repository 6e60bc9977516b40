"""What the demo corpus will hold, before anything is drawn: names, rates, lengths, who feels what and when.

It is pure and quick, since the workflow asks for it while it reads the rules: only the standard library and numpy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from abaw.config import CorpusConfig, DemoConfig
from abaw.corpus.names import SPLIT_FOLDERS
from abaw.demo.casting import CASTING, SPLIT_OF, Cast, Role
from abaw.tasks import EXPRESSIONS, TASKS, Split, TaskName

TEMPLATES: dict[TaskName, str] = {
    "va": "CVPR_6th_ABAW_VA_test_set_sample.txt",
    "expr": "CVPR_6th_ABAW_Expr_test_set_sample.txt",
}

_SEGMENT_S = 2.8
_SHORTEST = 0.6
"""The shortest video over the longest."""


@dataclass(frozen=True)
class Segment:
    """An expression (index into `EXPRESSIONS`) from `start_s` to `end_s`, shown with `strength` 0..1."""

    expression: int
    strength: float
    start_s: float
    end_s: float


@dataclass(frozen=True)
class TrackPlan:
    """One annotated person.

    `n_rows` is the number of annotation (or template) rows; `invalid` the frames, first and last counted from 1, that
    are annotated as -5 and -1; `away_s` when the person is out of the picture.
    """

    sample: str
    identity: str
    split: Split
    tasks: tuple[TaskName, ...]
    n_rows: int
    speaks: bool
    mirrored: bool
    invalid: tuple[int, int] | None
    away_s: tuple[float, float] | None
    segments: tuple[Segment, ...]
    seed: int


@dataclass(frozen=True)
class VideoPlan:
    """One video; `path` is relative to the folder of the videos, `tracks` stand from left to right."""

    path: PurePosixPath
    fps: Fraction
    n_frames: int
    width_px: int
    height_px: int
    noise: Literal["hiss", "music"] | None
    snr_db: float | None
    tracks: tuple[TrackPlan, ...]
    seed: int

    @property
    def name(self) -> str:
        """The file's name without its suffix, which is what AffWild2 calls the video."""
        return self.path.stem

    @property
    def duration_s(self) -> float:
        """Frames over rate."""
        return float(self.n_frames / self.fps)


@dataclass(frozen=True)
class CorpusPlan:
    """The whole corpus, in the order of the casting table."""

    videos: tuple[VideoPlan, ...]

    @property
    def tracks(self) -> tuple[TrackPlan, ...]:
        """Every annotated person."""
        return tuple(chain.from_iterable(video.tracks for video in self.videos))

    def annotated(self, task: TaskName, split: Split) -> tuple[TrackPlan, ...]:
        """The tracks of one task and split."""
        return tuple(track for track in self.tracks if task in track.tasks and track.split == split)

    def files(self, corpus: CorpusConfig) -> list[Path]:
        """Every video, annotation, test list and template that will be written, sorted."""
        videos = [Path(corpus.videos) / video.path for video in self.videos]
        annotations = [
            annotation_file(corpus, task, track)
            for track in self.tracks
            for task in track.tasks
            if track.split != "test"
        ]
        lists = [Path(corpus.test_lists) / task.test_list for task in TASKS.values()]
        templates = [Path(corpus.templates) / name for name in TEMPLATES.values()]
        return sorted(videos + annotations + lists + templates)

    def truth_files(self, folder: str | Path) -> list[Path]:
        """Every file of the ground truth that will be written under `folder`, sorted."""
        samples = [truth_file(folder, track) for track in self.tracks]
        speech = [speech_file(folder, video) for video in self.videos]
        return sorted([*samples, *speech, corpus_truth_file(folder)])


def annotation_file(corpus: CorpusConfig, task: TaskName, track: TrackPlan) -> Path:
    """Where the annotation of a train or validation track goes."""
    folder = Path(corpus.annotations) / TASKS[task].folder / SPLIT_FOLDERS[track.split]
    return folder / f"{track.sample}.txt"


def truth_file(folder: str | Path, track: TrackPlan) -> Path:
    """The Parquet file of a track's latents, mouth opening and face box, a row for each frame or annotation row."""
    return Path(folder) / "tracks" / f"{track.sample}.parquet"


def speech_file(folder: str | Path, video: VideoPlan) -> Path:
    """The FLAC file of a video's speech without noise."""
    return Path(folder) / "speech" / f"{video.name}.flac"


def corpus_truth_file(folder: str | Path) -> Path:
    """The JSON file about all videos and tracks."""
    return Path(folder) / "corpus.json"


def plan_corpus(settings: DemoConfig) -> CorpusPlan:
    """The corpus of `settings.tracks` tracks and videos of up to `settings.max_duration_s`, all fixed by its seed."""
    rng = np.random.default_rng(settings.seed)
    decks = {(split, expr): _deck(rng) for split in ("train", "val", "test") for expr in (True, False)}
    videos: list[VideoPlan] = []
    left = settings.tracks
    for cast in CASTING:
        if len(cast.roles) <= left:
            left -= len(cast.roles)
            videos.append(_video(cast, settings.max_duration_s, rng, decks))
    return CorpusPlan(tuple(videos))


def _deck(rng: np.random.Generator) -> Iterator[int]:
    """Expressions without end: all eight, shuffled, again and again, so that none is missing or frequent."""
    while True:
        yield from (int(expression) for expression in rng.permutation(len(EXPRESSIONS)))


def _video(
    cast: Cast, max_duration_s: float, rng: np.random.Generator, decks: dict[tuple[str, bool], Iterator[int]]
) -> VideoPlan:
    n_frames = int(max_duration_s * rng.uniform(_SHORTEST, 1) * cast.fps)
    path = PurePosixPath(cast.path)
    tracks = []
    for role in cast.roles:
        deck = decks[SPLIT_OF[role.identity], "expr" in cast.tasks]
        tracks.append(_track(path.stem, role, cast, n_frames, rng, deck))
    return VideoPlan(
        path, cast.fps, n_frames, *cast.size_px, cast.noise, cast.snr_db, tuple(tracks), int(rng.integers(2**31))
    )


def _track(
    video: str, role: Role, cast: Cast, n_frames: int, rng: np.random.Generator, deck: Iterator[int]
) -> TrackPlan:
    duration_s = float(n_frames / cast.fps)
    return TrackPlan(
        sample=video + role.suffix,
        identity=role.identity,
        split=SPLIT_OF[role.identity],
        tasks=cast.tasks,
        n_rows=n_frames + role.extra_rows,
        speaks=role.speaks,
        mirrored=role.mirrored,
        invalid=(n_frames // 3, n_frames // 3 + n_frames // 6) if role.invalid else None,
        away_s=(round(0.55 * duration_s, 2), round(0.75 * duration_s, 2)) if role.away else None,
        segments=_segments(duration_s, rng, deck),
        seed=int(rng.integers(2**31)),
    )


def _segments(duration_s: float, rng: np.random.Generator, deck: Iterator[int]) -> tuple[Segment, ...]:
    count = max(2, round(duration_s / _SEGMENT_S))
    lengths = rng.uniform(0.7, 1.3, count)
    ends = np.cumsum(lengths) / lengths.sum() * duration_s
    starts = [0.0, *ends[:-1]]
    return tuple(
        Segment(next(deck), float(rng.uniform(0.7, 1.0)), float(start), float(end))
        for start, end in zip(starts, ends, strict=True)
    )
