"""The ten corpora by name, and the table of those that are present."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from abaw.config import PretrainingConfig
from abaw.pretraining import afew_va, affectnet, emotic, expw, fer, raf_db, recola, savee, semaine, sewa
from abaw.pretraining.items import Item, items_table
from abaw.running.errors import UserError
from abaw.tables.schemas import SCHEMAS


@dataclass(frozen=True)
class Corpus:
    """How one corpus is read: `files` are those that its items follow from, `read` gives the items."""

    files: Callable[[Path], list[Path]]
    read: Callable[[Path, PretrainingConfig], list[Item]]


CORPORA: dict[str, Corpus] = {
    "recola": Corpus(recola.files, recola.read),
    "sewa": Corpus(sewa.files, sewa.read),
    "semaine": Corpus(semaine.files, semaine.read),
    "afew_va": Corpus(afew_va.files, afew_va.read),
    "affectnet": Corpus(affectnet.files, affectnet.read),
    "savee": Corpus(savee.files, savee.read),
    "emotic": Corpus(emotic.files, emotic.read),
    "expw": Corpus(expw.files, expw.read),
    "fer": Corpus(fer.files, fer.read),
    "raf_db": Corpus(raf_db.files, raf_db.read),
}


def present(settings: PretrainingConfig) -> dict[str, Path]:
    """The roots of the corpora that the configuration names; `UserError` where there is none, or one is no folder."""
    roots = {name: Path(root) for name in CORPORA if (root := getattr(settings.roots, name)) is not None}
    if not roots:
        raise UserError(
            "no pre-training corpus is configured; set one or more of "
            f"{', '.join(f'pretraining.roots.{name}' for name in CORPORA)} to its folder (docs/pretraining.md)"
        )
    for name, root in roots.items():
        if not root.is_dir():
            raise UserError(
                f"pretraining.roots.{name} is {str(root)!r}, which is not a folder; set it, or set it to null"
            )
    return roots


def label_files(settings: PretrainingConfig) -> list[Path]:
    """The files that the table follows from; their names alone are looked at."""
    return [path for name, root in present(settings).items() for path in CORPORA[name].files(root)]


def read_corpora(settings: PretrainingConfig) -> pa.Table:
    """The table `pretraining` of all corpora that are present, in Table 1's order.

    Labels and file names are read, and of videos what the container says; no image is opened. Raises `UserError` for
    whatever does not have the form that a corpus is distributed in, and for a corpus that leads to no item.
    """
    tables = [SCHEMAS["pretraining"].empty_table()]
    for name, root in present(settings).items():
        items = CORPORA[name].read(root, settings)
        if not items:
            raise UserError(f"{name}: no item was found in {root}; its labels and its files do not fit together")
        tables.append(items_table(name, items))
    return pa.concat_tables(tables)
