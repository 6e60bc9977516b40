"""Videos with valence and arousal over time: the frames that the authors take, and the label of each.

RECOLA, SEWA and SEMAINE come to the authors as two files in one form, `XXX_labels_{arousal,valence}_100Hz_gold_shifted
.csv`: a header, then `NAME_SECONDS,VALUE`, a gold standard at 100 Hz that is shifted by the raters' delay.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abaw.media.video import probe
from abaw.pretraining.items import BY_VIDEO_OR_IMAGE, Item, draw_splits
from abaw.pretraining.sources import number, one_of, records, video_named, videos
from abaw.running.errors import UserError
from abaw.tasks import DIMENSIONS

Curve = dict[int, float]
"""A label over time: hundredths of a second to a value in [-1, 1]."""
Curves = dict[str, dict[str, Curve]]
"""Dimension to video's name to its labels over time."""


def gold_files(root: Path, prefix: str) -> dict[str, Path]:
    """Where the authors' label file of each dimension would lie."""
    return {dimension: root / f"{prefix}_labels_{dimension}_100Hz_gold_shifted.csv" for dimension in DIMENSIONS}


def has_gold(root: Path, prefix: str) -> bool:
    """Whether one of the authors' two label files is there, so that both are wanted."""
    return any(path.exists() for path in gold_files(root, prefix).values())


def required_gold(corpus: str, root: Path, prefix: str) -> list[Path]:
    """The authors' two label files; `UserError` where one is missing."""
    return [one_of(corpus, root, [path.name]) for path in gold_files(root, prefix).values()]


def read_gold_files(corpus: str, root: Path, prefix: str) -> Curves:
    """Both of the authors' label files."""
    return dict(zip(gold_files(root, prefix), map(read_gold, required_gold(corpus, root, prefix)), strict=True))


def read_gold(path: Path) -> dict[str, Curve]:
    """Read one of the authors' label files: a curve for each name, in order of appearance.

    The first line is left out where its second field is no number. Raises `UserError` for a malformed line, a value
    outside [-1, 1] and a time that comes twice.
    """
    curves: dict[str, Curve] = {}
    for index, (where, (key, value)) in enumerate(records(path, 2)):
        if index or _is_number(value):
            name, _, seconds = key.rpartition("_")
            if not name:
                raise UserError(f"{where}: expected NAME_SECONDS in the first field, found {key!r}")
            enter(curves.setdefault(name, {}), seconds, value, where)
    if not curves:
        raise UserError(f"{path} has no rows; expected lines NAME_SECONDS,VALUE")
    return curves


def enter(curve: Curve, seconds: str, value: object, where: str) -> None:
    """Put a value in [-1, 1] into a curve at its time, which must be new."""
    time = round(100 * number(seconds, 0, 1e5, where, "the time"))
    if time in curve:
        raise UserError(f"{where}: the time {seconds} comes twice for one video")
    curve[time] = number(value, -1, 1, where, "the value")


def curve_through(times_s: NDArray[np.float64], values: NDArray[np.float64]) -> Curve:
    """A curve from rows at rising times (n,): linear between them, over the hundredths from the first to the last."""
    hundredths = np.arange(np.ceil(100 * times_s[0] - 1e-6), np.floor(100 * times_s[-1] + 1e-6) + 1, dtype=np.int64)
    between = np.interp(hundredths / 100, times_s, values)
    return dict(zip(hundredths.tolist(), between.tolist(), strict=True))


def rising_curve(path: Path, rows: NDArray[np.float64], header: bool) -> Curve:
    """A curve through rows (n, 2) of seconds and value; `UserError` names the line where the time does not rise."""
    wrong = np.flatnonzero(np.diff(rows[:, 0]) <= 0)
    if len(wrong):
        raise UserError(f"{path}, line {wrong[0] + 2 + header}: the time does not rise; copy the file again")
    return curve_through(rows[:, 0], rows[:, 1])


def labelled_frames(
    corpus: str, root: Path, labels: Mapping[str, Mapping[str, Curve]], stride: int, seed: int
) -> list[Item]:
    """Every `stride`-th frame of every labelled video whose time, rounded to 0.01 s, both dimensions have a label for.

    `labels` gives for valence and arousal the curve of each video. Splits are drawn by video, 80/10/10. Raises
    `UserError` for a name without a video and for one that only one dimension has.
    """
    valence, arousal = (labels[dimension] for dimension in DIMENSIONS)
    if valence.keys() != arousal.keys():
        lonely = sorted(valence.keys() ^ arousal.keys())
        raise UserError(f"{corpus}: only one of valence and arousal has labels of {', '.join(lonely)}; copy both files")
    files = videos(root)
    items, groups = [], []
    for name in valence:
        video = video_named(name, files, f"{corpus} in {root}")
        for time, seconds in sampled_times(video, stride):
            if time in valence[name] and time in arousal[name]:
                items.append(
                    Item(
                        video,
                        time_s=seconds,
                        valence=valence[name][time],
                        arousal=arousal[name][time],
                        subject=name,
                    )
                )
                groups.append(name)
    return draw_splits(items, groups, BY_VIDEO_OR_IMAGE, seed)


def sampled_times(video: Path, stride: int) -> Iterator[tuple[int, float]]:
    """The time of every `stride`-th frame, the first included: in hundredths of a second, and in seconds."""
    info = probe(video)
    for index in range(0, info.n_frames, stride):
        time = index / info.fps
        yield round(100 * time), float(time)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
