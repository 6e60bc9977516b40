"""What the predicting commands share: their arguments, and the table that they write."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from _command import settings_from

from abaw.config import ComputeConfig
from abaw.tables import predictions, write_table
from abaw.tasks import TASKS


def add_prediction_arguments(arguments: argparse.ArgumentParser) -> None:
    """Task, compute, the trained model, and the output."""
    arguments.add_argument("--task", choices=TASKS, required=True)
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    arguments.add_argument("--weights", type=Path, required=True)
    arguments.add_argument("--card", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)


def write_predictions(args: argparse.Namespace, table: pa.Table, card: Mapping[str, Any]) -> None:
    """Write the table with the model's digest and the units of its values, and say where it is."""
    units = "value" if args.task == "va" else "logit"
    about = {"model_sha256": card["sha256"], "units": units, "fitted_on": "train, epoch chosen on val"}
    write_table(predictions(args.task), table, args.output, about)
    print(f"{len(table)} predictions: {args.output}")
