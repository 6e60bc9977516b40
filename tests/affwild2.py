"""A corpus of AffWild2's real shape, without its content: names, frame counts and rates as published, labels made up.

594 ids in 578 videos, and the twenty videos that no challenge names; frame counts and rates are those of the 548
videos in `affwild2-stats`, the rest is drawn from them; without these, 548 are drawn with about their mean. Videos are
stand-ins, labels are random.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from standins import write_standin

from abaw.config import CorpusConfig
from abaw.corpus.layout import WITHOUT_TRACKS
from abaw.corpus.names import SPLIT_FOLDERS
from abaw.demo.plan import TEMPLATES
from abaw.tasks import SPLITS, TASKS, Split, TaskName

N_VIDEOS, N_PUBLISHED = 578, 548
MEAN_LOG_FRAMES, SPREAD_LOG_FRAMES = 8.17, 0.85
LEFT_AND_RIGHT = (
    "130-25-1280x720",
    "135-24-1920x1080",
    "30-30-1920x1080",
    "46-30-484x360",
    "49-30-1280x720",
    "52-30-1280x720",
    "6-30-1920x1080",
    "video10_1",
    "video29",
    "video49",
    "video5",
    "video55",
    "video74",
)
ONE_SUFFIX = {"10-60-1280x720": "_right", "video2": "_left", "video59": "_right"}
TRACKS: dict[TaskName, dict[Split, int]] = {
    "va": {"train": 356, "val": 76, "test": 162},
    "expr": {"train": 248, "val": 70, "test": 228},
}
SURPLUS, SHARES = (1, 0, 2, -1, -49), (0.55, 0.42, 0.015, 0.01, 0.005)


@dataclass(frozen=True)
class Shape:
    """What the container of a video says."""

    suffix: str
    n_frames: int
    fps: Fraction


def write_affwild2(root: Path, stats: Path | None, seed: int = 0, share: float = 1.0) -> CorpusConfig:
    """Write the corpus into `root`, from the two lists in `stats` if given; the configuration that reads it.

    With a `share` below 1 the splits have so many of their tracks, drawn anew for each challenge.
    """
    rng = np.random.default_rng(seed)
    shapes = _shapes(stats, rng)
    rows = {
        sample: shapes[video].n_frames + int(rng.choice(SURPLUS, p=SHARES))
        for video in shapes
        if video not in WITHOUT_TRACKS
        for sample in _samples(video)
    }
    corpus = CorpusConfig(
        source="folders",
        crops=None,
        unscored=[],
        videos=str(root / "videos"),
        annotations=str(root / "6th ABAW Annotations"),
        test_lists=str(root / "names_of_videos_in_each_test_set"),
        templates=str(root / "prediction_files_format"),
        edition="affwild2",
        max_row_difference=60,
        on_unreadable="stop",
        sound_track="default",
    )
    videos = sorted(shapes.keys() - WITHOUT_TRACKS)
    named: set[str] = set()
    for task in TASKS:
        splits = _split(task, videos, rng, share)
        _write_challenge(corpus, task, splits, rows, rng)
        named |= {sample for samples in splits.values() for sample in samples}
    for number, (name, shape) in enumerate(shapes.items()):
        folder = root / "videos" / ("batch1", "batch2", "new_vids")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        if name in WITHOUT_TRACKS or not named.isdisjoint(_samples(name)):
            write_standin(folder / (name + shape.suffix), shape.n_frames, shape.fps)
    return corpus


def _shapes(stats: Path | None, rng: np.random.Generator) -> dict[str, Shape]:
    if stats is None:
        frames = np.exp(rng.normal(MEAN_LOG_FRAMES, SPREAD_LOG_FRAMES, N_PUBLISHED)).astype(int)
        shapes = {f"{1000 + k}": Shape(".mp4", int(n_frames), Fraction(30)) for k, n_frames in enumerate(frames)}
    else:
        counts, rates = (_column(stats / name) for name in ("counter_frame.csv", "videos_frame_rate.txt"))
        shapes = {
            Path(file).stem: Shape(Path(file).suffix, int(counts[file]), Fraction(rates[file]).limit_denominator(1001))
            for file in counts
        }
    published = list(shapes.values())
    more = [name for name in (*LEFT_AND_RIGHT, *ONE_SUFFIX) if name not in shapes]
    more += [f"{number}" for number in range(600, 600 + N_VIDEOS - len(shapes) - len(more))]
    drawn = (published[index] for index in rng.integers(len(published), size=len(more) + len(WITHOUT_TRACKS)))
    return shapes | dict(zip([*more, *sorted(WITHOUT_TRACKS)], drawn, strict=True))


def _column(path: Path) -> dict[str, str]:
    with path.open(newline="") as handle:
        return dict(list(csv.reader(handle))[1:])


def _samples(video: str) -> list[str]:
    if video in LEFT_AND_RIGHT:
        return [f"{video}_left", f"{video}_right"]
    return [video, video + ONE_SUFFIX[video]] if video in ONE_SUFFIX else [video]


def _split(task: TaskName, videos: Sequence[str], rng: np.random.Generator, share: float) -> dict[Split, list[str]]:
    """Each split its number of samples, both of a video together; the pairs first, where there is room for two."""
    left = sorted((videos[index] for index in rng.permutation(len(videos))), key=lambda video: len(_samples(video)))
    found: dict[Split, list[str]] = {split: [] for split in SPLITS}
    for split, n_tracks in TRACKS[task].items():
        n_pairs = round(share * {"train": 10, "val": 2, "test": 4}[split])
        while len(found[split]) < round(share * n_tracks):
            found[split] += _samples(left.pop(-1 if len(found[split]) < 2 * n_pairs else 0))
    return found


def _write_challenge(
    corpus: CorpusConfig,
    task: TaskName,
    splits: Mapping[Split, Sequence[str]],
    rows: Mapping[str, int],
    rng: np.random.Generator,
) -> None:
    values = rng.uniform(-1, 1, (4096, 2)).tolist()
    bank = [f"{v:.3f},{a:.4f}" for v, a in values] if task == "va" else [str(k % 9 - 1) for k in range(4096)]
    header = TASKS[task].label_header
    for split, name in SPLIT_FOLDERS.items():
        folder = Path(corpus.annotations) / TASKS[task].folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for sample in splits[split]:
            chosen = [bank[index] for index in rng.integers(len(bank), size=rows[sample]).tolist()]
            (folder / f"{sample}.txt").write_text("\n".join([header, *chosen, ""]))
    for folder in (corpus.test_lists, corpus.templates):
        Path(folder).mkdir(exist_ok=True)
    (Path(corpus.test_lists) / TASKS[task].test_list).write_text("\n".join([*sorted(splits["test"]), ""]))
    locations = [f"{sample}/{k:05d}.jpg," for sample in splits["test"] for k in range(1, rows[sample] + 1)]
    (Path(corpus.templates) / TEMPLATES[task]).write_text("\n".join([TASKS[task].header, *locations, ""]))
