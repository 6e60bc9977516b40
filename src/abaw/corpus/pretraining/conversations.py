"""SEWA and SEMAINE: recorded conversations, valence and arousal in [-1, 1] over time (paper §3.1.1).

Both are read in the authors' form: `SEW_labels_` or `SEM_labels_{arousal,valence}_100Hz_gold_shifted.csv` in the root,
and videos of the names in these files anywhere below it. The databases' native annotations are not read: the time of
their rows and, for SEWA, their scale are not documented, so that they could only be placed by guessing.
"""

from pathlib import Path

from abaw.config import PretrainingConfig
from abaw.corpus.pretraining.items import Item
from abaw.corpus.pretraining.series import gold_files, labelled_frames, read_gold
from abaw.corpus.pretraining.sources import one_of, videos


def sewa_files(root: Path) -> list[Path]:
    """The two label files and the videos of SEWA."""
    return _files("sewa", root, "SEW")


def semaine_files(root: Path) -> list[Path]:
    """The two label files and the videos of SEMAINE."""
    return _files("semaine", root, "SEM")


def read_sewa(root: Path, settings: PretrainingConfig) -> list[Item]:
    """Every 17th frame (`strides.sewa`) that has a label; split by video. The subject is the video's name."""
    return _read("sewa", root, "SEW", settings.strides.sewa, settings.split_seed)


def read_semaine(root: Path, settings: PretrainingConfig) -> list[Item]:
    """Every 17th frame (`strides.semaine`) that has a label; split by video. The subject is the video's name."""
    return _read("semaine", root, "SEM", settings.strides.semaine, settings.split_seed)


def _label_files(corpus: str, root: Path, prefix: str) -> dict[str, Path]:
    return {dimension: one_of(corpus, root, [path.name]) for dimension, path in gold_files(root, prefix).items()}


def _files(corpus: str, root: Path, prefix: str) -> list[Path]:
    return [*_label_files(corpus, root, prefix).values(), *videos(root)]


def _read(corpus: str, root: Path, prefix: str, stride: int, seed: int) -> list[Item]:
    labels = {dimension: read_gold(path) for dimension, path in _label_files(corpus, root, prefix).items()}
    return labelled_frames(corpus, root, labels, stride, seed)
