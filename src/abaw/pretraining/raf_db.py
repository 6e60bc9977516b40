"""RAF-DB, the basic set: faces from the web with one of seven expressions (paper §3.1.1).

`EmoLabel/list_patition_label.txt` (sic) without a header: name and label; images in `Image/original/NAME.jpg` and
`Image/aligned/NAME_aligned.jpg`. Classes: 1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral.
The compound set, which has a file of the same name with the labels 1 to 11, is refused by its labels above 7.
"""

import re
from pathlib import Path, PurePath

from abaw.config import PretrainingConfig
from abaw.pretraining.items import BY_VIDEO_OR_IMAGE, Item, draw_splits
from abaw.pretraining.sources import Images, code, lines, one_of
from abaw.running.errors import UserError
from abaw.tasks import EXPRESSIONS, Split

CLASSES = {
    "1": "Surprise",
    "2": "Fear",
    "3": "Disgust",
    "4": "Happiness",
    "5": "Sadness",
    "6": "Anger",
    "7": "Neutral",
}
LINE = re.compile(r"(train|test)(_\d+\.jpg) (\S+)\s*")
SPLITS: dict[str, Split] = {"train": "train", "test": "test"}


def files(root: Path) -> list[Path]:
    """The label file."""
    return [one_of("raf_db", root, ["EmoLabel/list_patition_label.txt", "basic/EmoLabel/list_patition_label.txt"])]


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """The original or the aligned images (`raf_db_images`) in the official train and test sets, or drawn (`splits`)."""
    images, (list_file,) = Images(), files(root)
    folder = list_file.parents[1] / "Image" / settings.raf_db_images
    items = []
    for where, line in lines(list_file):
        matched = LINE.fullmatch(line)
        if not matched:
            raise UserError(f"{where}: expected a line such as 'train_00001.jpg 5', found {line[:80]!r}")
        part, rest, label = matched.groups()
        name = PurePath(part + rest)
        if settings.raf_db_images == "aligned":
            name = name.with_stem(f"{name.stem}_aligned")
        expression = EXPRESSIONS.index(CLASSES[code(label, CLASSES, where, "the label of the basic set")])
        items.append(Item(images.find(folder, str(name), where), expression=expression, split=SPLITS[part]))
    if settings.splits == "official":
        return items
    return draw_splits(items, [str(item.path) for item in items], BY_VIDEO_OR_IMAGE, settings.split_seed)
