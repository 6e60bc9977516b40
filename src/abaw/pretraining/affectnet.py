"""AffectNet: faces from the web with one of eight expressions, valence and arousal in [-1, 1] (paper §3.1.1).

Two forms: the full set, `training.csv` and `validation.csv` (each with or without its header) beside
`Manually_Annotated_Images/`; or the newer release, `{train,val}_set/images/ID.jpg` with
`annotations/ID_{exp,val,aro}.npy`. Classes: 0 neutral, 1 happiness, 2 sadness, 3 surprise, 4 fear, 5 disgust, 6 anger,
7 contempt (`contempt: other | drop`), and 8 none, 9 uncertain, 10 no face, which are left out as the authors do. -2 in
valence and arousal marks a face without them. Images other than jpg, jpeg and png are left out as the authors do.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from abaw.config import PretrainingConfig
from abaw.pretraining.items import CONTEMPT, Contempt, Item, class_number
from abaw.pretraining.sources import Images, box, code, number, one_of, records
from abaw.running.errors import UserError
from abaw.tasks import Split

CLASSES = ("Neutral", "Happiness", "Sadness", "Surprise", "Fear", "Disgust", "Anger", CONTEMPT)
CODES = tuple(str(number) for number in range(11))
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
INVALID = -2
HEADER = [
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
]
CSV_FILES: dict[Split, str] = {"train": "training.csv", "val": "validation.csv"}
NPY_FOLDERS: dict[Split, str] = {"train": "train_set", "val": "val_set"}


def files(root: Path) -> list[Path]:
    """The label files; of the newer release, which has four for each image, the two folders that hold them."""
    if _is_csv(root):
        return [one_of("affectnet", root, [name]) for name in CSV_FILES.values()]
    return [one_of("affectnet", root, [f"{folder}/annotations"]) for folder in NPY_FOLDERS.values()]


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """The official training set as train, the validation set as val; AffectNet's test set has no labels."""
    read_split, sources = (_read_csv, CSV_FILES) if _is_csv(root) else (_read_npy, NPY_FOLDERS)
    items: list[Item] = []
    for split, source in sources.items():
        found = list(read_split(root, split, settings.contempt))
        if not found:
            raise UserError(f"affectnet: {root / source} leads to no item; copy it again, whole")
        items += found
    return items


def _is_csv(root: Path) -> bool:
    names = [*CSV_FILES.values(), *NPY_FOLDERS.values()]
    return one_of("affectnet", root, names).name in CSV_FILES.values()


def _folder(root: Path, split: Split) -> Path:
    return one_of("affectnet", root, [NPY_FOLDERS[split]])


def _read_csv(root: Path, split: Split, contempt: Contempt) -> Iterator[Item]:
    images, folder = Images(), one_of("affectnet", root, ["Manually_Annotated_Images"])
    for index, (where, fields) in enumerate(records(one_of("affectnet", root, [CSV_FILES[split]]), len(HEADER))):
        if index == 0 and fields == HEADER:
            continue
        name, x, y, width, height, _, label, *dimensions = fields
        expression = _expression(code(label, CODES, where, "the expression"), contempt)
        if expression is None or not name.lower().endswith(IMAGE_SUFFIXES):
            continue
        x0, y0, w, h = (number(side, -1e5, 1e5, where, "a side of the face") for side in (x, y, width, height))
        valence, arousal = _dimensions(dimensions, where)
        yield Item(
            images.find(folder, name, where),
            box_px=box((x0, y0, x0 + w, y0 + h), where),
            valence=valence,
            arousal=arousal,
            expression=expression,
            split=split,
        )


def _read_npy(root: Path, split: Split, contempt: Contempt) -> Iterator[Item]:
    images, folder = Images(), _folder(root, split)
    for path in sorted(folder.glob("annotations/*_exp.npy")):
        stem = path.name.removesuffix("_exp.npy")
        expression = _expression(code(_scalar(path), CODES, str(path), "the expression"), contempt)
        if expression is None:
            continue
        valence, arousal = _dimensions(
            [_scalar(path.with_name(f"{stem}_{key}.npy")) for key in ("val", "aro")], str(path)
        )
        image = images.find(folder / "images", f"{stem}.jpg", str(path))
        yield Item(image, valence=valence, arousal=arousal, expression=expression, split=split)


def _scalar(path: Path) -> str:
    """The one value in an .npy file as text; the release stores numbers, some of them as text."""
    try:
        return str(np.load(path, allow_pickle=False).item())
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read as an array with one value: {error}; copy it again") from error


def _expression(label: str, contempt: Contempt) -> int | None:
    return class_number(CLASSES[int(label)], contempt) if int(label) < len(CLASSES) else None


def _dimensions(values: list[str], where: str) -> tuple[float | None, float | None]:
    valence, arousal = (number(value, INVALID, 1, where, "valence or arousal") for value in values)
    if valence == arousal == INVALID:
        return None, None
    if min(valence, arousal) < -1:
        raise UserError(f"{where}: valence and arousal are {valence:g}, {arousal:g}, expected [-1, 1], or -2 for both")
    return valence, arousal
