"""SEWA and SEMAINE: recorded conversations, valence and arousal in [-1, 1] over time (paper §3.1.1).

Each is read in the first of these forms that lies in its root:

- the authors': `SEW_labels_` or `SEM_labels_{arousal,valence}_100Hz_gold_shifted.csv`, videos of the names in them
  anywhere below the root;
- SEWA's own: `REC/REC_{Valence,Arousal}_{A,V,AV}_Aligned.csv` in any folder (`SEWAv02/`), and a video REC; the column
  of the dimension's name counts, and its rows are taken to cover the video evenly;
- AVEC's form of SEWA: `labels/{Train,Devel,Test}_{DE,HU,CN}_NN.csv`, rows of 100 ms, and a video of that name;
- AVEC's form of SEMAINE: `TrainingInput/N/TU_VA.csv` with the column Time in seconds, beside the one video of folder N.

The databases' documents that say at what times native rows are and how they are scaled are not public: even cover and
`pretraining.sewa_scale` are assumptions, which docs/corpora.md names.
"""

from pathlib import Path

import numpy as np

from abaw.config import PretrainingConfig
from abaw.corpus.pretraining.items import Item
from abaw.corpus.pretraining.series import Curve, curve_through, gold_files, labelled_frames, read_gold
from abaw.corpus.pretraining.sources import columns, one_of, video_named, videos
from abaw.errors import UserError
from abaw.tasks import DIMENSIONS
from abaw.video import probe

AVEC_ROW_S = 0.1
_AVEC_SEWA = "labels/*_[A-Z][A-Z]_[0-9][0-9].csv"
_AVEC_SEMAINE = "TrainingInput/*/TU_VA.csv"

Curves = dict[str, dict[str, Curve]]
"""Dimension to video's name to its labels over time."""


def sewa_files(root: Path) -> list[Path]:
    """The label files and the videos of SEWA."""
    gold = [path for path in gold_files(root, "SEW").values() if path.exists()]
    return [*(gold or _aligned(root) or sorted(root.glob(_AVEC_SEWA)) or _gold("sewa", root, "SEW")), *videos(root)]


def semaine_files(root: Path) -> list[Path]:
    """The label files and the videos of SEMAINE."""
    gold = [path for path in gold_files(root, "SEM").values() if path.exists()]
    return [*(gold or sorted(root.glob(_AVEC_SEMAINE)) or _gold("semaine", root, "SEM")), *videos(root)]


def read_sewa(root: Path, settings: PretrainingConfig) -> list[Item]:
    """Every 17th frame (`strides.sewa`) that has a label; split by video. The subject is the video's name."""
    if _has_gold(root, "SEW"):
        labels = _read_gold("sewa", root, "SEW")
    elif aligned := _aligned(root):
        labels = _read_aligned(root, aligned, settings)
    elif avec := sorted(root.glob(_AVEC_SEWA)):
        labels = {dimension: {path.stem: _avec_curve(path, dimension) for path in avec} for dimension in DIMENSIONS}
    else:
        labels = _read_gold("sewa", root, "SEW")
    return labelled_frames("sewa", root, labels, settings.strides.sewa, settings.split_seed)


def read_semaine(root: Path, settings: PretrainingConfig) -> list[Item]:
    """Every 17th frame (`strides.semaine`) that has a label; split by video. The subject is the video's name."""
    sessions = sorted(root.glob(_AVEC_SEMAINE))
    if sessions and not _has_gold(root, "SEM"):
        named = {_only_video(path.parent).stem: path for path in sessions}
        labels = {
            dimension: {name: _timed_curve(path, dimension) for name, path in named.items()} for dimension in DIMENSIONS
        }
    else:
        labels = _read_gold("semaine", root, "SEM")
    return labelled_frames("semaine", root, labels, settings.strides.semaine, settings.split_seed)


def _has_gold(root: Path, prefix: str) -> bool:
    return any(path.exists() for path in gold_files(root, prefix).values())


def _gold(corpus: str, root: Path, prefix: str) -> list[Path]:
    """The authors' two files; `UserError` where one is missing."""
    return [one_of(corpus, root, [path.name]) for path in gold_files(root, prefix).values()]


def _read_gold(corpus: str, root: Path, prefix: str) -> Curves:
    return dict(zip(gold_files(root, prefix), map(read_gold, _gold(corpus, root, prefix)), strict=True))


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


def _timed_curve(path: Path, dimension: str) -> Curve:
    rows = columns(path, ["time", dimension], 1)
    if (np.diff(rows[:, 0]) <= 0).any():
        line = int(np.flatnonzero(np.diff(rows[:, 0]) <= 0)[0]) + 3
        raise UserError(f"{path}, line {line}: the time does not rise; copy the file again")
    return curve_through(rows[:, 0], rows[:, 1])


def _only_video(folder: Path) -> Path:
    found = videos(folder)
    if len(found) != 1:
        raise UserError(f"semaine: {folder} holds {len(found)} videos, expected one beside TU_VA.csv")
    return found[0]
