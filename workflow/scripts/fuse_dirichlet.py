"""Fuse several models' frames with weights that do best on the validation split (paper §2.3).

In: the aligned frames of each model, for validation and test, in one order with the models' names, and the labels (of
any split: those of the validation rows count). Out: the fused frames of both splits, marked `fitted_on: val`, and a
JSON file of the weights, their score and the score of each model alone.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from _command import parser, run, settings_from

from abaw.config import FusionConfig
from abaw.errors import UserError
from abaw.files import whole_file
from abaw.frames import KEYS, frames_table, truth_at
from abaw.fusion.dirichlet import DirichletWeightedFusion
from abaw.tables import frames, labels, matrix, read_table, write_table
from abaw.tasks import TASKS, TaskName


def main() -> None:
    """Read, fit on validation, write both splits."""
    args = _arguments()
    keys_val, outputs_val = _read_models(args.task, args.frames_val, args.models)
    keys_test, outputs_test = _read_models(args.task, args.frames_test, args.models)
    try:
        truth = truth_at(args.task, keys_val, read_table(labels(args.task), args.labels))
    except UserError as error:
        raise UserError(f"{args.labels} and {args.frames_val[0]}: {error}") from error
    if np.isnan(truth).all():
        raise UserError(
            f"{args.labels} has no annotated row among those of {args.frames_val[0]}; expected one at least"
        )

    fusion = DirichletWeightedFusion(args.task, args.settings.candidates, args.settings.concentration, args.seed)
    fusion.fit(outputs_val, truth)
    for keys, outputs, path in ((keys_val, outputs_val, args.output_val), (keys_test, outputs_test, args.output_test)):
        fused = frames_table(args.task, keys, fusion.predict(outputs))
        write_table(frames(args.task), fused, path, {"fitted_on": "val", "models": " ".join(args.models)})
    _write_weights(args, fusion)


def _arguments() -> argparse.Namespace:
    command = parser(__doc__)
    command.add_argument("--task", required=True, choices=list(TASKS))
    command.add_argument("--models", required=True, nargs="+", help="names of the models")
    command.add_argument("--frames-val", required=True, nargs="+", help="each model's Parquet table, validation")
    command.add_argument("--frames-test", required=True, nargs="+", help="each model's Parquet table, test")
    command.add_argument("--labels", required=True, help="Parquet table of the labels")
    command.add_argument("--settings", required=True, type=settings_from(FusionConfig), help="the section fusion")
    command.add_argument("--seed", required=True, type=int)
    command.add_argument("--output-val", required=True, help="Parquet table of fused frames to write, validation")
    command.add_argument("--output-test", required=True, help="Parquet table of fused frames to write, test")
    command.add_argument("--weights", required=True, help="JSON file to write")
    args = command.parse_args()
    if not len(args.models) == len(args.frames_val) == len(args.frames_test):
        command.error("--models, --frames-val and --frames-test need one value for each model, in one order")
    return args


def _read_models(task: TaskName, paths: Sequence[str], models: Sequence[str]) -> tuple[pa.Table, list[np.ndarray]]:
    """The rows' keys, which all tables must share, and each model's outputs."""
    first, *others = tables = [read_table(frames(task), path) for path in paths]
    for path, model, table in zip(paths[1:], models[1:], others, strict=True):
        if not table.select(KEYS).equals(first.select(KEYS)):
            raise UserError(
                f"{path} ({model}) and {paths[0]} ({models[0]}) do not have the same rows, first in the sample "
                f"{_first_difference(first, table)}; align both again with the same tracks"
            )
    return first.select(KEYS), [matrix(table, TASKS[task].outputs) for table in tables]


def _first_difference(a: pa.Table, b: pa.Table) -> str:
    ours, theirs = (list(zip(table["sample"].to_pylist(), table["frame"].to_pylist(), strict=True)) for table in (a, b))
    row = next((k for k, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other), None)
    longer = max(ours, theirs, key=len)
    return longer[min(len(ours), len(theirs)) if row is None else row][0]


def _write_weights(args: argparse.Namespace, fusion: DirichletWeightedFusion) -> None:
    singles = fusion.scores_[: len(args.models)].tolist()
    content = {
        "task": args.task,
        "measure": TASKS[args.task].challenge_measure,
        "fitted_on": "val",
        "models": args.models,
        "outputs": TASKS[args.task].outputs,
        "weights": fusion.weights_.tolist(),
        "score": fusion.score_,
        "single_scores": dict(zip(args.models, singles, strict=True)),
        "candidates": args.settings.candidates,
        "concentration": args.settings.concentration,
        "seed": args.seed,
    }
    with whole_file(Path(args.weights)) as beside:
        beside.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
