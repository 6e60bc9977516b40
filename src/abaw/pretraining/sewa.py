"""SEWA: recorded conversations, valence and arousal in [-1, 1] over time (paper §3.1.1).

Read in the first of these forms that lies in the root:

- the authors': `SEW_labels_{arousal,valence}_100Hz_gold_shifted.csv`, videos of the names in them anywhere below it;
- SEWA's own: `REC/REC_{Valence,Arousal}_{A,V,AV}_Aligned.csv` in any folder (`SEWAv02/`), and a video REC; the column
  of the dimension's name counts, and its rows are taken to cover the video evenly;
- AVEC's: `labels/{Train,Devel,Test}_{DE,HU,CN}_NN.csv`, rows of 100 ms, and a video of that name.

The document that says at what times native rows are and how they are scaled is not public: even cover and
`pretraining.sewa_scale` are assumptions, which docs/pretraining.md names.
"""

from pathlib import Path

import numpy as np

from abaw.config import PretrainingConfig
from abaw.media.video import probe
from abaw.pretraining.items import Item
from abaw.pretraining.series import (
    Curve,
    Curves,
    curve_through,
    has_gold,
    labelled_frames,
    read_gold_files,
    required_gold,
)
from abaw.pretraining.sources import columns, video_named, videos
from abaw.running.errors import UserError
from abaw.tasks import DIMENSIONS

AVEC_ROW_S = 0.1
_PREFIX = "SEW"
_AVEC = "labels/*_[A-Z][A-Z]_[0-9][0-9].csv"


def files(root: Path) -> list[Path]:
    """The label files and the videos."""
    if has_gold(root, _PREFIX) or not (labels := _aligned(root) or sorted(root.glob(_AVEC))):
        labels = required_gold("sewa", root, _PREFIX)
    return [*labels, *videos(root)]


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """Every 17th frame (`strides.sewa`) that has a label; split by video. The subject is the video's name."""
    aligned, avec = _aligned(root), sorted(root.glob(_AVEC))
    if has_gold(root, _PREFIX) or not (aligned or avec):
        labels = read_gold_files("sewa", root, _PREFIX)
    elif aligned:
        labels = _read_aligned(root, aligned, settings)
    else:
        labels = {dimension: {path.stem: _avec_curve(path, dimension) for path in avec} for dimension in DIMENSIONS}
    return labelled_frames("sewa", root, labels, settings.strides.sewa, settings.split_seed)


def _aligned(root: Path) -> list[Path]:
    """SEWA's own label files of valence and arousal, of whatever the raters saw and heard."""
    return sorted(path for title in ("Valence", "Arousal") for path in root.rglob(f"*_{title}_*_Aligned.csv"))


def _read_aligned(root: Path, found: list[Path], settings: PretrainingConfig) -> Curves:
    labels: Curves = {}
    files = videos(root)
    for dimension in DIMENSIONS:
        ending = f"_{dimension.title()}_{settings.sewa_rated}_Aligned.csv"
        ours = {path.name.removesuffix(ending): path for path in found if path.name.endswith(ending)}
        if not ours:
            raise UserError(
                f"sewa: {root} has no file *{ending}; copy them, or set pretraining.sewa_rated to what it has"
            )
        labels[dimension] = {
            name: _even_curve(path, dimension, video_named(name, files, f"sewa in {root}"), settings.sewa_scale)
            for name, path in ours.items()
        }
    return labels


def _even_curve(path: Path, dimension: str, video: Path, scale: float) -> Curve:
    """Rows that cover the video evenly: the k-th of n stands at the middle of the k-th of n equal parts."""
    rows = columns(path, [dimension], scale)
    times = (np.arange(len(rows)) + 0.5) * probe(video).duration_s / len(rows)
    return curve_through(times, rows[:, 0] / scale)


def _avec_curve(path: Path, dimension: str) -> Curve:
    rows = columns(path, [dimension], 1)
    return curve_through(AVEC_ROW_S * np.arange(len(rows), dtype=np.float64), rows[:, 0])
