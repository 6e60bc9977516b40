"""What the predicting commands share: their arguments, tables of embeddings, and the table that they write."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from abaw.commands.base import add_task, settings_from
from abaw.config import ComputeConfig
from abaw.running.errors import UserError
from abaw.tables.arrays import KEYS
from abaw.tables.files import read_groups, read_metadata, write_table
from abaw.tables.schemas import EMBEDDED, SCHEMAS, predictions
from abaw.tasks import TASKS


def add_prediction_arguments(arguments: argparse.ArgumentParser) -> None:
    """Task, compute, the trained model, and the output."""
    add_task(arguments)
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    arguments.add_argument("--weights", type=Path, required=True)
    arguments.add_argument("--card", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)


def read_embedded(paths: Sequence[Path]) -> list[pa.Table]:
    """Embeddings of faces or of the voice, or features, a table each, which must be of the same frames.

    They are read a part at a time: of lists that are read whole, what says where each ends takes more room than values.
    """
    first, *others = tables = [_in_parts(path) for path in paths]
    for path, table in zip(paths[1:], others, strict=True):
        if not table.select(KEYS).equals(first.select(KEYS)):
            raise UserError(f"{path} and {paths[0]} are not of the same frames; delete {path} and run again")
    return tables


def _in_parts(path: Path) -> pa.Table:
    kind = read_metadata(path).get("abaw_table", "")
    if kind not in EMBEDDED:
        raise UserError(
            f"{path} is a table of {kind or 'no kind'}, expected {', '.join(EMBEDDED)}; delete it and run again"
        )
    schema = SCHEMAS[kind]
    return pa.concat_tables([schema.empty_table(), *read_groups(kind, path, schema.names)])


def write_predictions(
    args: argparse.Namespace,
    table: pa.Table,
    card: Mapping[str, Any],
    remarks: Mapping[str, str] | None = None,
) -> None:
    """Write the table with the model's digest, the units of its values, what it knows and remarks; say where it is."""
    about = {
        "model_sha256": card["sha256"],
        "units": TASKS[args.task].units,
        "fitted_on": card["fitted_on"],
        **(remarks or {}),
    }
    write_table(predictions(args.task), table, args.output, about)
    print(f"{len(table)} predictions: {args.output}")
