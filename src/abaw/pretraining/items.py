"""What every corpus is turned into: one item for each labelled face, and the draws that split items."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from abaw.tables.schemas import SCHEMAS
from abaw.tasks import EXPRESSIONS, Split

Contempt = Literal["other", "drop"]
CONTEMPT = "Contempt"
BY_VIDEO_OR_IMAGE = (0.8, 0.1)
BY_SPEAKER = (0.5, 0.25)
"""Shares of train and val that the authors draw; the rest is test."""


@dataclass(frozen=True, slots=True)
class Item:
    """A face with a label; a row of the table `pretraining` but for the corpus's name.

    The image is the file `path`; or the frame of the video `path` that is shown at `time_s`; or it stands in the row
    `row` of the table `path`, counted from 1 without the header. `box_px` is (x0, y0, x1, y1) in that image, valence
    and arousal lie in [-1, 1], `expression` is a class 0..7 in ABAW's order.
    """

    path: Path
    time_s: float | None = None
    row: int | None = None
    box_px: tuple[float, float, float, float] | None = None
    valence: float | None = None
    arousal: float | None = None
    expression: int | None = None
    split: Split = "train"
    subject: str | None = None


def class_number(name: str, contempt: Contempt) -> int | None:
    """ABAW's number of a class; contempt, which ABAW does not have, is Other or nothing."""
    if name == CONTEMPT:
        return EXPRESSIONS.index("Other") if contempt == "other" else None
    return EXPRESSIONS.index(name)


def draw_splits(items: Sequence[Item], groups: Sequence[str], shares: tuple[float, float], seed: int) -> list[Item]:
    """Draw the splits as the authors did: whole groups, one legacy permutation of them in order of first appearance.

    `groups` names the group of each item (its video, speaker or image), `shares` those of train and val, of which each
    gets the rounded number of groups; the rest is test.
    """
    names = list(dict.fromkeys(groups))
    n_train, n_val = (round(len(names) * share) for share in shares)
    order = np.random.RandomState(seed).permutation(len(names))
    split_of: dict[str, Split] = dict.fromkeys(names, "test")
    split_of |= dict.fromkeys((names[index] for index in order[:n_train]), "train")
    split_of |= dict.fromkeys((names[index] for index in order[n_train : n_train + n_val]), "val")
    return [replace(item, split=split_of[group]) for item, group in zip(items, groups, strict=True)]


def items_table(corpus: str, items: Iterable[Item]) -> pa.Table:
    """The items of a corpus as a table `pretraining`, in their order."""
    rows = [_row(corpus, item) for item in items]
    return pa.Table.from_pylist(rows, SCHEMAS["pretraining"])


def _row(corpus: str, item: Item) -> dict[str, object]:
    x0, y0, x1, y1 = item.box_px or (None,) * 4
    return {
        "corpus": corpus,
        "path": str(item.path),
        "split": item.split,
        "time_s": item.time_s,
        "row": item.row,
        "x0_px": x0,
        "y0_px": y0,
        "x1_px": x1,
        "y1_px": y1,
        "valence": item.valence,
        "arousal": item.arousal,
        "expression": item.expression,
        "subject": item.subject,
    }
