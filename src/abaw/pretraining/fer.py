"""FER2013 and FER+: grey faces of 48x48 pixels with one of seven or eight expressions (paper §3.1.1).

`fer_labels: votes` takes FER+: ten votes an image, of which the class with most counts; ties, `unknown`, `NF` (no face)
and rows without an image name are left out. Its forms are `fer2013new.csv`, whose rows are those of `fer2013.csv` in
order, or `FER2013{Train,Valid,Test}/label.csv` with the images beside it, as FER+'s own script writes them.
`fer_labels: labels` takes FER2013's own labels, as the authors' code does: `fer2013.csv`, Kaggle's `train.csv` (without
`Usage`, all train), or one `*.parquet` with the columns name, usage, label (a word) and jpeg.
The pixels stand in the csv or Parquet: the item is its row, counted from 1 without the header.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from abaw.config import PretrainingConfig
from abaw.pretraining.items import CONTEMPT, Contempt, Item, class_number
from abaw.pretraining.sources import Images, code, headed, number, one_of, records
from abaw.running.errors import UserError
from abaw.tasks import EXPRESSIONS, Split

VOTED = ("Neutral", "Happiness", "Surprise", "Sadness", "Anger", "Disgust", "Fear", CONTEMPT)
"""FER+'s first eight columns of votes; `unknown` and `NF` follow."""
N_VOTES = 10
LABELS = ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Neutral")
CODES = tuple(str(number) for number in range(len(LABELS)))
WORDS = dict(zip(("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"), LABELS, strict=True))
VOTES_HEADER = ["Usage", "Image name", *(name.lower() for name in VOTED), "unknown", "NF"]
PIXELS_HEADER = ("emotion", "pixels", "Usage")
USAGES: dict[str, Split] = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
FOLDERS: dict[str, Split] = {"FER2013Train": "train", "FER2013Valid": "val", "FER2013Test": "test"}
PARQUET_USAGES: dict[str, Split] = {"train": "train", "validation": "val", "test": "test"}
PARQUET_COLUMNS = {"usage": pa.string(), "label": pa.string(), "jpeg": pa.binary()}


def files(root: Path) -> list[Path]:
    """Every label file of FER that lies in the root; which are read depends on `fer_labels`."""
    names = ["fer2013new.csv", "fer2013.csv", "train.csv", *(f"data/{name}/label.csv" for name in FOLDERS)]
    found = [root / name for name in names if (root / name).is_file()] + sorted(root.glob("*.parquet"))
    if not found:
        raise UserError(
            f"fer was not found: pretraining.roots.fer is {str(root)!r}, which has no {' or '.join(names[:4])}, nor a "
            "*.parquet; docs/pretraining.md shows the form that is expected"
        )
    return found


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """The official Training, PublicTest and PrivateTest as train, val and test; all train as the authors (`splits`)."""
    files(root)
    if settings.fer_labels == "votes":
        items = list(_votes_form(root)(root, settings.contempt))
    else:
        items = list(_read_labels(root))
    return items if settings.splits == "official" else [replace(item, split="train") for item in items]


def _votes_form(root: Path) -> Callable[[Path, Contempt], Iterator[Item]]:
    for name, read_form in (("fer2013new.csv", _read_votes), ("data/FER2013Train/label.csv", _read_folders)):
        if (root / name).is_file():
            return read_form
    raise UserError(
        f"pretraining.fer_labels is votes, but {root} has neither fer2013new.csv nor data/FER2013Train/label.csv; "
        "take FER+, or set fer_labels to labels"
    )


def _winner(votes: Sequence[str], where: str, contempt: Contempt) -> int | None:
    """The class with most votes; None for a tie, for `unknown` and for `NF`."""
    counts = [number(vote, 0, N_VOTES, where, "a number of votes") for vote in votes]
    most = max(counts)
    if not 0 < sum(counts) <= N_VOTES:
        raise UserError(f"{where}: the votes sum to {sum(counts):g}, expected 1 to {N_VOTES}")
    if counts.count(most) > 1 or counts.index(most) >= len(VOTED):
        return None
    return class_number(VOTED[counts.index(most)], contempt)


def _read_votes(root: Path, contempt: Contempt) -> Iterator[Item]:
    pixels = one_of("fer", root, ["fer2013.csv"])
    votes = list(headed(root / "fer2013new.csv", VOTES_HEADER))
    usages = [(where, usage) for where, (_, _, usage) in headed(pixels, PIXELS_HEADER)]
    if len(votes) != len(usages):
        raise UserError(
            f"{root / 'fer2013new.csv'} has {len(votes)} rows and {pixels} has {len(usages)}; they must be the same "
            "images in the same order, take both whole"
        )
    for row, ((where, (usage, name, *counts)), (beside, other)) in enumerate(zip(votes, usages, strict=True), start=1):
        split = USAGES[code(usage, USAGES, where, "Usage")]
        if usage != other:
            raise UserError(f"{where}: Usage is {usage}, but {other!r} in {beside}; the rows must be the same images")
        expression = _winner(counts, where, contempt)
        if name and expression is not None:
            yield Item(pixels, row=row, expression=expression, split=split)


def _read_folders(root: Path, contempt: Contempt) -> Iterator[Item]:
    images = Images()
    for name, split in FOLDERS.items():
        path = one_of("fer", root, [f"data/{name}/label.csv"])
        for where, (image, _, *counts) in records(path, 2 + N_VOTES):
            expression = _winner(counts, where, contempt)
            if expression is not None:
                yield Item(images.find(path.parent, image, where), expression=expression, split=split)


def _read_labels(root: Path) -> Iterator[Item]:
    form = one_of("fer", root, ["fer2013.csv", "train.csv", *(path.name for path in root.glob("*.parquet"))])
    if form.suffix == ".parquet":
        yield from read_parquet(form)
        return
    header = PIXELS_HEADER if form.name == "fer2013.csv" else PIXELS_HEADER[:2]
    for row, (where, (label, _, *usage)) in enumerate(headed(form, header), start=1):
        expression = EXPRESSIONS.index(LABELS[int(code(label, CODES, where, "emotion"))])
        split = USAGES[code(usage[0], USAGES, where, "Usage")] if usage else "train"
        yield Item(form, row=row, expression=expression, split=split)


def read_parquet(path: Path) -> Iterator[Item]:
    """The items of one Parquet with the columns usage, label (a word) and jpeg, in its order."""
    try:
        schema: Mapping[str, pa.DataType] = {field.name: field.type for field in pq.read_schema(path)}
        wrong = [name for name, kind in PARQUET_COLUMNS.items() if schema.get(name) != kind]
        if wrong:
            raise UserError(f"{path} lacks the column {wrong[0]} ({PARQUET_COLUMNS[wrong[0]]}); it has {list(schema)}")
        columns = pq.read_table(path, columns=["usage", "label"])
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} cannot be read as Parquet: {error}; copy it again") from error
    for row, (usage, label) in enumerate(
        zip(*(columns[name].to_pylist() for name in columns.column_names), strict=True), 1
    ):
        where = f"{path}, row {row}"
        split = PARQUET_USAGES[code(usage, PARQUET_USAGES, where, "usage")]
        expression = EXPRESSIONS.index(WORDS[code(label, WORDS, where, "label")])
        yield Item(path, row=row, expression=expression, split=split)
