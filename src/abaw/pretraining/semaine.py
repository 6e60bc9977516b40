"""SEMAINE: recorded conversations, valence and arousal in [-1, 1] over time (paper §3.1.1).

Read in the first of these forms that lies in the root:

- the authors': `SEM_labels_{arousal,valence}_100Hz_gold_shifted.csv`, videos of the names in them anywhere below it;
- combined traces: `TrainingInput/N/TU_VA.csv` with the column Time in seconds;
- SEMAINE's own: `sessions/N/` with FEELtrace's files of the user, one for each rater and dimension, such as
  `R1S2TUCPoDV.txt` (rater 1, session 2, user, character Po, valence; DA is activation), lines of seconds and value;
  the mean of the raters counts, over the time that all have.

The video of the last two is the user's in `sessions/N/`, or beside TU_VA.csv.
"""

import re
from pathlib import Path
from statistics import fmean

from abaw.config import PretrainingConfig
from abaw.pretraining.items import Item
from abaw.pretraining.series import Curve, has_gold, labelled_frames, read_gold_files, required_gold, rising_curve
from abaw.pretraining.sources import columns, numbers, videos
from abaw.running.errors import UserError
from abaw.tasks import DIMENSIONS

_PREFIX = "SEM"
_COMBINED = "TrainingInput/*/TU_VA.csv"
_TRACE = re.compile(r"[AR]\d+[RS]\d+TUC[A-Z][a-z]2?D(?P<letter>[AV])\.txt")
_LETTERS = {"valence": "V", "arousal": "A"}
_PREFERRED = ("user", "frontal", "colo")
"""What a session's video is known by, where it has several: the user's, from the front, in colour."""


def files(root: Path) -> list[Path]:
    """The label files and the videos."""
    if has_gold(root, _PREFIX) or not (labels := sorted(root.glob(_COMBINED)) or _traces(root)):
        labels = required_gold("semaine", root, _PREFIX)
    return [*labels, *videos(root)]


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """Every 17th frame (`strides.semaine`) that has a label; split by video. The subject is the video's name."""
    combined, traces = sorted(root.glob(_COMBINED)), _traces(root)
    if has_gold(root, _PREFIX) or not (combined or traces):
        labels = read_gold_files("semaine", root, _PREFIX)
    elif combined:
        labels = {dimension: {} for dimension in DIMENSIONS}
        for path in combined:
            name = _video_of(root, path.parent).stem
            for dimension in DIMENSIONS:
                labels[dimension][name] = rising_curve(path, columns(path, ["time", dimension], 1), header=True)
    else:
        labels = {dimension: _read_traces(root, traces, letter) for dimension, letter in _LETTERS.items()}
    return labelled_frames("semaine", root, labels, settings.strides.semaine, settings.split_seed)


def _traces(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("[Ss]essions/*/*.txt") if _TRACE.fullmatch(path.name))


def _read_traces(root: Path, traces: list[Path], letter: str) -> dict[str, Curve]:
    """The mean of all raters of a dimension, for each session that has any."""
    raters: dict[Path, list[Curve]] = {}
    for path in traces:
        match = _TRACE.fullmatch(path.name)
        if match and match["letter"] == letter:
            raters.setdefault(path.parent, []).append(rising_curve(path, numbers(path), header=False))
    return {_video_of(root, folder).stem: _mean(curves) for folder, curves in raters.items()}


def _mean(curves: list[Curve]) -> Curve:
    shared = sorted(set.intersection(*(set(curve) for curve in curves)))
    return {time: fmean(curve[time] for curve in curves) for time in shared}


def _video_of(root: Path, folder: Path) -> Path:
    """The video of a session: the only one, or the one that `_PREFERRED` singles out."""
    found = [path for place in root.glob(f"[Ss]essions/{folder.name}") for path in videos(place)] or videos(folder)
    for word in _PREFERRED:
        found = [path for path in found if word in path.name.lower()] or found
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(
            f"semaine: session {folder.name} in {root} needs one video of its user, found {names}; copy it, or leave "
            "one of them"
        )
    return found[0]
