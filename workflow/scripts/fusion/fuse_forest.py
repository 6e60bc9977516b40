"""Fuse several models' frames with a random forest that is fitted on the validation split (paper §2.3).

In: the aligned frames of each model, for validation and test, in one order with the models' names, the labels, and the
tracks of validation, which say which rows share a video. Out: the fused frames of both splits, those of validation by
forests that have not seen the row's video; beside them, of validation, what the forest says in-sample and out-of-bag;
and a JSON file of what each number of trees scored.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from abaw.commands.base import parser, run, settings_from
from abaw.commands.fusion import add_fusion_arguments, check_counts, read_models, read_truth
from abaw.config import ForestConfig
from abaw.fusion.forest import fuse_by_forests
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tables.arrays import frames_table, videos_of
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.provenance import fused
from abaw.tables.schemas import frames
from abaw.tasks import TASKS


def main() -> None:
    """Read, fit on validation, write all tables."""
    arguments = parser(__doc__)
    add_fusion_arguments(arguments)
    arguments.add_argument("--settings", required=True, type=settings_from(ForestConfig))
    arguments.add_argument("--tracks", required=True, help="Parquet table of the tracks of validation")
    arguments.add_argument("--threads", required=True, type=int)
    arguments.add_argument("--output-out-of-bag", required=True, help="Parquet table to write, validation")
    arguments.add_argument("--output-in-sample", required=True, help="Parquet table to write, validation")
    args = arguments.parse_args()
    check_counts(arguments, args)

    keys, outputs = read_stacked(args, args.frames_val)
    test_keys, test = read_stacked(args, args.frames_test)
    tracks = read_table("tracks", args.tracks, ["sample", "video"])
    videos = videos_of(keys, tracks)
    truth = read_truth(args.task, keys, args.labels, args.frames_val[0])
    try:
        found = fuse_by_forests(args.task, outputs, truth, videos, test, args.settings, args.seed, args.threads)
    except UserError as error:
        raise UserError(f"{args.labels}: {error}; take systems.*.fusion dirichlet") from error
    models = [read_metadata(path)["fitted_on"] for path in args.frames_val]
    for table_keys, values, path, rows in (
        (keys, found.grouped, args.output_val, ", other videos"),
        (keys, found.out_of_bag, args.output_out_of_bag, ", out-of-bag"),
        (keys, found.in_sample, args.output_in_sample, ", in-sample"),
        (test_keys, found.test, args.output_test, ""),
    ):
        about = {"fitted_on": fused(models, f"forest on val{rows}"), "models": " ".join(args.models)}
        write_table(frames(args.task), frames_table(args.task, table_keys, values), path, about)
    content = {
        "task": args.task,
        "measure": TASKS[args.task].challenge_measure,
        "fitted_on": fused(models, "forest on val"),
        "models": args.models,
        "trees": found.trees,
        "tried": found.tried,
        "settings": args.settings.model_dump(),
        "seed": args.seed,
    }
    with whole_file(Path(args.fit)) as beside:
        beside.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
    print(f"{found.trees} trees of {len(args.settings.trees)} numbers tried: {args.fit}")


def read_stacked(args: argparse.Namespace, paths: Sequence[str]) -> tuple[pa.Table, np.ndarray]:
    """The rows' keys and the outputs of all models, shape (models, n, 2 or 8)."""
    keys, outputs = read_models(args.task, paths, args.models)
    return keys, np.stack(outputs)


if __name__ == "__main__":
    run(main)
