"""RECOLA: dyads in remote collaboration, valence and arousal in [-1, 1] over time (paper §3.1.1).

Two forms: the authors' `REC_labels_{arousal,valence}_100Hz_gold_shifted.csv`, in which `REC00NN` is the video `PNN`;
or, without these, the native `RECOLA-Annotation/emotional_behaviour/{arousal,valence}/PNN.csv`, six raters every
0.04 s, whose plain mean is taken. Videos are `PNN.*` anywhere below the root.
"""

from pathlib import Path
from statistics import fmean

from abaw.config import PretrainingConfig
from abaw.pretraining.items import Item
from abaw.pretraining.series import Curve, enter, gold_files, labelled_frames, read_gold
from abaw.pretraining.sources import headed, number, one_of, videos
from abaw.running.errors import UserError
from abaw.tasks import DIMENSIONS

RATERS = ("FM1", "FM2", "FM3", "FF1", "FF2", "FF3")
NATIVE = "RECOLA-Annotation/emotional_behaviour"


def files(root: Path) -> list[Path]:
    """The label files, the authors' where they are there, and the videos."""
    return [path for paths in _label_files(root).values() for path in paths] + videos(root)


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """Every 8th frame (`strides.recola`) that has a label; split by video. The subject is the video's name."""
    gold = gold_files(root, "REC")
    labels = {
        dimension: _rename(read_gold(paths[0])) if paths[0] == gold[dimension] else _read_native(paths)
        for dimension, paths in _label_files(root).items()
    }
    return labelled_frames("recola", root, labels, settings.strides.recola, settings.split_seed)


def _label_files(root: Path) -> dict[str, list[Path]]:
    gold = gold_files(root, "REC")
    form = one_of("recola", root, [gold["arousal"].name, gold["valence"].name, NATIVE])
    if form.name != Path(NATIVE).name:
        return {dimension: [one_of("recola", root, [path.name])] for dimension, path in gold.items()}
    found = {dimension: sorted((form / dimension).glob("P*.csv")) for dimension in DIMENSIONS}
    for dimension, paths in found.items():
        if not paths:
            raise UserError(f"recola: {form / dimension} holds no label file such as P16.csv; copy it again")
    return found


def _rename(curves: dict[str, Curve]) -> dict[str, Curve]:
    return {name.replace("REC00", "P"): curve for name, curve in curves.items()}


def _read_native(paths: list[Path]) -> dict[str, Curve]:
    """The mean of six raters at each time; their names in the header carry trailing spaces, which are stripped."""
    curves: dict[str, Curve] = {path.stem: {} for path in paths}
    for path in paths:
        for where, (seconds, *values) in headed(path, ["time", *RATERS], ";"):
            mean = fmean(number(value, -1, 1, where, rater) for rater, value in zip(RATERS, values, strict=True))
            enter(curves[path.stem], seconds, mean, where)
    return curves
