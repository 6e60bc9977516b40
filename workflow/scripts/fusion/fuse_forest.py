"""Fuse several models' frames with a random forest that is fitted on the validation split (paper §2.3).

In: the aligned frames of each model, for validation and test, in one order with the models' names, the labels, and the
tracks of validation, which say which rows share a video. Out: the fused frames of both splits, those of validation by
forests that have not seen the row's video; beside them, of validation, what the forest says in-sample and out-of-bag;
and a JSON file of what each number of trees scored.
"""

import json
from pathlib import Path

import numpy as np

from abaw.commands.base import parser, run, settings_from
from abaw.commands.fusion import add_fusion_arguments, check_counts, read_models, read_truth
from abaw.config import ForestConfig
from abaw.fusion.forest import fit_forest
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tables.arrays import frames_table
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

    keys, outputs = read_models(args.task, args.frames_val, args.models)
    test_keys, test_outputs = read_models(args.task, args.frames_test, args.models)
    tracks = read_table("tracks", args.tracks, ["sample", "video"])
    videos = dict(zip(tracks["sample"].to_pylist(), tracks["video"].to_pylist(), strict=True))
    groups = [videos[sample] for sample in keys["sample"].to_pylist()]
    truth = read_truth(args, keys)
    try:
        fitted = fit_forest(args.task, np.stack(outputs), truth, groups, args.settings, args.seed, args.threads)
    except UserError as error:
        raise UserError(f"{args.labels}: {error}; take systems.*.fusion dirichlet") from error
    models = [read_metadata(path)["fitted_on"] for path in args.frames_val]
    for table_keys, values, path, rows in (
        (keys, fitted.grouped, args.output_val, ", other videos"),
        (keys, fitted.out_of_bag, args.output_out_of_bag, ", out-of-bag"),
        (keys, fitted.in_sample, args.output_in_sample, ", in-sample"),
        (test_keys, fitted.forest.predict(np.stack(test_outputs)), args.output_test, ""),
    ):
        about = {"fitted_on": fused(models, f"forest on val{rows}"), "models": " ".join(args.models)}
        write_table(frames(args.task), frames_table(args.task, table_keys, values), path, about)
    content = {
        "task": args.task,
        "measure": TASKS[args.task].challenge_measure,
        "fitted_on": fused(models, "forest on val"),
        "models": args.models,
        "trees": fitted.trees,
        "tried": fitted.tried,
        "settings": args.settings.model_dump(),
        "seed": args.seed,
    }
    with whole_file(Path(args.fit)) as beside:
        beside.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
    print(f"{fitted.trees} trees of {len(args.settings.trees)} numbers tried: {args.fit}")


if __name__ == "__main__":
    run(main)
