"""SAVEE: four actors, acted expressions in short videos (paper §3.1.1).

`AudioVisualClip/SPEAKER/CODENN.avi`; the code is the class: a anger, d disgust, f fear, h happiness, n neutral,
sa sadness, su surprise.
"""

import re
from pathlib import Path

from abaw.config import PretrainingConfig
from abaw.pretraining.items import BY_SPEAKER, Item, draw_splits
from abaw.pretraining.series import sampled_times
from abaw.pretraining.sources import one_of
from abaw.running.errors import UserError
from abaw.tasks import EXPRESSIONS

SPEAKERS = ("DC", "JE", "JK", "KL")
CLASSES = {
    "a": "Anger",
    "d": "Disgust",
    "f": "Fear",
    "h": "Happiness",
    "n": "Neutral",
    "sa": "Sadness",
    "su": "Surprise",
}
NAME = re.compile(r"(sa|su|a|d|f|h|n)\d\d")


def files(root: Path) -> list[Path]:
    """The videos: their names are the labels."""
    folder = one_of("savee", root, ["AudioVisualClip/AudioVisualClip", "AudioVisualClip"])
    found = sorted(path for speaker in SPEAKERS for path in (folder / speaker).glob("*.avi"))
    if not found:
        raise UserError(f"savee: {folder} holds no video such as DC/a01.avi; copy it again")
    return found


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """Every 20th frame (`strides.savee`) of every video; split by speaker, 50/25/25."""
    items = [item for path in files(root) for item in _frames(path, settings.strides.savee)]
    return draw_splits(items, [item.path.parent.name for item in items], BY_SPEAKER, settings.split_seed)


def _frames(path: Path, stride: int) -> list[Item]:
    matched = NAME.fullmatch(path.stem)
    if not matched:
        raise UserError(f"{path}: expected a name such as a01.avi, with one of {', '.join(CLASSES)} and two digits")
    expression, subject = EXPRESSIONS.index(CLASSES[matched[1]]), path.parent.name
    return [Item(path, seconds, expression=expression, subject=subject) for _, seconds in sampled_times(path, stride)]
