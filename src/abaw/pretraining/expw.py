"""ExpW: faces of images from the web with one of seven expressions (paper §3.1.1).

`label/label.lst` without a header: name, face_id, top, left, right, bottom, confidence, label; images in
`image/origin/`. Classes: 0 anger, 1 disgust, 2 fear, 3 happiness, 4 sadness, 5 surprise, 6 neutral.
"""

from pathlib import Path

from abaw.config import PretrainingConfig
from abaw.pretraining.items import BY_VIDEO_OR_IMAGE, Item, draw_splits
from abaw.pretraining.sources import Images, box, code, lines, number, one_of
from abaw.running.errors import UserError
from abaw.tasks import EXPRESSIONS

CLASSES = ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Neutral")
CODES = tuple(str(number) for number in range(len(CLASSES)))
N_FIELDS = 8


def files(root: Path) -> list[Path]:
    """The label file."""
    return [one_of("expw", root, ["label/label.lst"])]


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """The face 0 of each image, as the authors took them, or all (`expw_faces`); split by image, 80/10/10."""
    images, folder = Images(), one_of("expw", root, ["image/origin"])
    items = []
    for where, line in lines(files(root)[0]):
        fields = line.split()
        if len(fields) != N_FIELDS:
            raise UserError(f"{where}: expected {N_FIELDS} fields between spaces, found {line[:80]!r}")
        name, face, top, left, right, bottom, _, label = fields
        expression = EXPRESSIONS.index(CLASSES[int(code(label, CODES, where, "the label"))])
        if settings.expw_faces == "all" or number(face, 0, 1e4, where, "the face_id") == 0:
            image = images.find(folder, name, where)
            items.append(Item(image, box_px=box((left, top, right, bottom), where), expression=expression))
    return draw_splits(items, [str(item.path) for item in items], BY_VIDEO_OR_IMAGE, settings.split_seed)
