"""What the fusing commands share: their arguments, the models' frames, and the truth at the validation rows."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from abaw.commands.base import add_task
from abaw.running.errors import UserError
from abaw.tables.arrays import KEYS, matrix, truth_at
from abaw.tables.files import read_table
from abaw.tables.schemas import frames, labels
from abaw.tasks import TASKS, TaskName


def add_fusion_arguments(arguments: argparse.ArgumentParser) -> None:
    """Task, models with their frames, labels, seed, and the outputs that all write."""
    add_task(arguments)
    arguments.add_argument("--models", required=True, nargs="+", help="names of the models")
    arguments.add_argument("--frames-val", required=True, nargs="+", help="each model's Parquet table, validation")
    arguments.add_argument("--frames-test", required=True, nargs="+", help="each model's Parquet table, test")
    arguments.add_argument("--labels", required=True, help="Parquet table of the labels")
    arguments.add_argument("--seed", required=True, type=int)
    arguments.add_argument("--output-val", required=True, help="Parquet table of fused frames to write, validation")
    arguments.add_argument("--output-test", required=True, help="Parquet table of fused frames to write, test")
    arguments.add_argument("--fit", required=True, help="JSON file to write")


def check_counts(arguments: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End the command where the lists do not have one length."""
    if not len(args.models) == len(args.frames_val) == len(args.frames_test):
        arguments.error("--models, --frames-val and --frames-test need one value for each model, in one order")


def read_models(task: TaskName, paths: Sequence[str], models: Sequence[str]) -> tuple[pa.Table, list[np.ndarray]]:
    """The rows' keys, which all tables must share, and each model's outputs."""
    first, *others = tables = [read_table(frames(task), path) for path in paths]
    for path, model, table in zip(paths[1:], models[1:], others, strict=True):
        if not table.select(KEYS).equals(first.select(KEYS)):
            raise UserError(
                f"{path} ({model}) and {paths[0]} ({models[0]}) do not have the same rows, first in the sample "
                f"{_first_difference(first, table)}; align both again with the same tracks"
            )
    return first.select(KEYS), [matrix(table, TASKS[task].outputs) for table in tables]


def read_truth(task: TaskName, keys: pa.Table, labels_path: str | Path, frames_path: str | Path) -> np.ndarray:
    """The labels at the validation rows; `UserError` where a label has no row, or where there is none at all."""
    try:
        truth = truth_at(task, keys, read_table(labels(task), labels_path))
    except UserError as error:
        raise UserError(f"{labels_path} and {frames_path}: {error}") from error
    if np.isnan(truth).all():
        raise UserError(f"{labels_path} has no annotated row among those of {frames_path}; expected one at least")
    return truth


def _first_difference(a: pa.Table, b: pa.Table) -> str:
    ours, theirs = (list(zip(table["sample"].to_pylist(), table["frame"].to_pylist(), strict=True)) for table in (a, b))
    row = next((k for k, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other), None)
    longer = max(ours, theirs, key=len)
    return longer[min(len(ours), len(theirs)) if row is None else row][0]
