"""EMOTIC: people in context with up to 26 categories, valence and arousal from 1 to 10 (paper §3.1.1).

`Annotations.mat` or, of 2017, `CVPR17_Annotations.mat` holds the structs train, val and test: an entry an image, with
`filename`, `folder` and `person`. People of val and test have several annotators, their combination beside them, and
fields in another order; fields are read by name. As the authors do, only images with one person are taken; of the first
three categories the first of the basic six counts, else the first that has a class; an image without one is left out.
The box is that of the person's body, not of the face. Values become (x - 5.5) / 4.5; NaN is null.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from scipy.io import loadmat

from abaw.config import PretrainingConfig
from abaw.pretraining.items import CONTEMPT, Item, class_number
from abaw.pretraining.sources import Images, box, code, number, one_of
from abaw.running.errors import UserError
from abaw.tasks import SPLITS, Split

BASIC = {
    "Happiness": "Happiness",
    "Surprise": "Surprise",
    "Aversion": "Disgust",
    "Anger": "Anger",
    "Sadness": "Sadness",
    "Fear": "Fear",
}
FURTHER = {
    "Affection": "Happiness",
    "Pleasure": "Happiness",
    "Excitement": "Happiness",
    "Annoyance": "Anger",
    "Yearning": "Anger",
    "Disconnection": "Sadness",
    "Peace": "Neutral",
    "Disapproval": CONTEMPT,
}
WITHOUT_CLASS = (
    "Anticipation",
    "Confidence",
    "Disquietment",
    "Doubt/Confusion",
    "Embarrassment",
    "Engagement",
    "Esteem",
    "Fatigue",
    "Pain",
    "Sensitivity",
    "Suffering",
    "Sympathy",
)
CATEGORIES = {**BASIC, **FURTHER, **dict.fromkeys(WITHOUT_CLASS)}
N_COUNTED = 3
MAT_FILES = tuple(
    f"{folder}{name}" for name in ("Annotations.mat", "CVPR17_Annotations.mat") for folder in ("", "Annotations/")
)
IMAGE_ROOTS = ("", "emotic", "images", "cvpr_emotic/images")


def files(root: Path) -> list[Path]:
    """The annotation file."""
    return [one_of("emotic", root, MAT_FILES)]


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """The people of the official splits, by the first annotator or by all combined (`emotic_annotations`)."""
    path, images = files(root)[0], Images()
    try:
        content = loadmat(path, simplify_cells=True)
    except Exception as error:  # scipy raises whatever a damaged file leads to
        raise UserError(f"{path} cannot be read as a MATLAB file: {error}; copy it again") from error
    items: list[Item] = []
    for split in SPLITS:
        for index, entry in enumerate(_list(_field(content, split, str(path))), start=1):
            items.extend(_image(root, entry, split, f"{path}, {split} image {index}", images, settings))
    return items


def _image(
    root: Path, entry: Any, split: Split, where: str, images: Images, settings: PretrainingConfig
) -> Iterator[Item]:
    people = _list(_field(entry, "person", where))
    if len(people) != 1:
        return
    person = people[0]
    categories, dimensions = _annotation(person, where, settings.emotic_annotations)
    expression = _expression(categories, where, settings)
    if expression is None:
        return
    folder = str(_field(entry, "folder", where))
    base = next((root / name for name in IMAGE_ROOTS if (root / name / folder).is_dir()), root)
    valence, arousal = (_scaled(_field(dimensions, key, where), where, key) for key in ("valence", "arousal"))
    yield Item(
        images.find(base, f"{folder}/{_field(entry, 'filename', where)}", where),
        box_px=box(_list(_field(person, "bbox", where)), where),
        valence=valence,
        arousal=arousal,
        expression=expression,
        split=split,
    )


def _annotation(person: Any, where: str, which: str) -> tuple[list[Any], Any]:
    """The categories in their order and the struct of dimensions; training people have one annotator only."""
    if which == "combined" and isinstance(person, Mapping) and "combined_categories" in person:
        return _list(person["combined_categories"]), _field(person, "combined_continuous", where)
    annotators = [_list(_field(person, f"annotations_{key}", where)) for key in ("categories", "continuous")]
    if not all(annotators):
        raise UserError(f"{where}: the person has no annotator; copy the file again")
    first_categories, first_dimensions = (found[0] for found in annotators)
    return _list(_field(first_categories, "categories", where)), first_dimensions


def _expression(categories: Sequence[Any], where: str, settings: PretrainingConfig) -> int | None:
    counted = [code(str(name), CATEGORIES, where, "a category") for name in categories][:N_COUNTED]
    for group in (BASIC, FURTHER):
        numbers = [class_number(group[name], settings.contempt) for name in counted if name in group]
        known = [found for found in numbers if found is not None]
        if known:
            return known[0]
    return None


def _scaled(value: Any, where: str, what: str) -> float | None:
    if isinstance(value, float) and isnan(value):
        return None
    return (number(value, 1, 10, where, what) - 5.5) / 4.5


def _field(struct: Any, name: str, where: str) -> Any:
    if not isinstance(struct, Mapping) or name not in struct:
        raise UserError(f"{where}: the field {name!r} is missing; this is not the annotation file of EMOTIC")
    return struct[name]


def _list(value: Any) -> list[Any]:
    """MATLAB does not tell one thing from a list of one."""
    return [value] if isinstance(value, (str, Mapping)) or not hasattr(value, "__iter__") else list(value)
