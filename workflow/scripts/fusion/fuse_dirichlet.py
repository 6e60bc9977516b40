"""Fuse several models' frames with weights that do best on the validation split (paper §2.3).

In: the aligned frames of each model, for validation and test, in one order with the models' names, and the labels (of
any split: those of the validation rows count). Out: the fused frames of both splits, marked with what they were
fitted on, and a JSON file of the weights, their score and the score of each model alone.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from abaw.commands.base import parser, run, settings_from
from abaw.commands.fusion import add_fusion_arguments, check_counts, read_models, read_truth
from abaw.config import DirichletConfig
from abaw.fusion.dirichlet import DirichletWeightedFusion
from abaw.fusion.weighting import as_probabilities, weighted_inputs
from abaw.running.files import whole_file
from abaw.tables.arrays import frames_table
from abaw.tables.files import read_metadata, write_table
from abaw.tables.provenance import fused as fused_on
from abaw.tables.schemas import frames
from abaw.tasks import TASKS


def main() -> None:
    """Read, fit on validation, write both splits."""
    arguments = parser(__doc__)
    add_fusion_arguments(arguments)
    arguments.add_argument("--settings", required=True, type=settings_from(DirichletConfig))
    args = arguments.parse_args()
    check_counts(arguments, args)

    settings = args.settings
    val = read_weighted(args, args.frames_val)
    test = read_weighted(args, args.frames_test)
    fusion = DirichletWeightedFusion(
        args.task, settings.candidates, settings.concentration, settings.search, args.seed
    ).fit(val[1], read_truth(args.task, val[0], args.labels, args.frames_val[0]))
    fitted_on = fused_on([read_metadata(path)["fitted_on"] for path in args.frames_val], "weights on val")
    for (keys, outputs), path in ((val, args.output_val), (test, args.output_test)):
        said = as_probabilities(args.task, fusion.predict(outputs), settings.combined)
        fused = frames_table(args.task, keys, said)
        write_table(frames(args.task), fused, path, {"fitted_on": fitted_on, "models": " ".join(args.models)})
    write_weights(args, fusion, fitted_on)
    print(
        f"{len(fusion.scores_)} candidates, {TASKS[args.task].challenge_measure} {fusion.score_:.3f} on val: {args.fit}"
    )


def read_weighted(args: argparse.Namespace, paths: Sequence[str]) -> tuple[pa.Table, list[np.ndarray]]:
    """The rows' keys, and what of the models' outputs is weighted."""
    keys, outputs = read_models(args.task, paths, args.models)
    settings = args.settings
    return keys, weighted_inputs(args.task, outputs, args.models, settings.max_entropy_nats, settings.combined)


def _settings(settings: DirichletConfig) -> dict[str, object]:
    """What was asked for; probabilities, which are weighted unless logits are asked for, are not mentioned."""
    return settings.model_dump(exclude={"combined"} if settings.combined == "probabilities" else None)


def write_weights(args: argparse.Namespace, fusion: DirichletWeightedFusion, fitted_on: str) -> None:
    """Write the weights and where they come from."""
    singles = fusion.scores_[: len(args.models)].tolist()
    content = {
        "task": args.task,
        "measure": TASKS[args.task].challenge_measure,
        "fitted_on": fitted_on,
        "models": args.models,
        "outputs": TASKS[args.task].outputs,
        "weights": fusion.weights_.tolist(),
        "score": fusion.score_,
        "sampled_score": float(fusion.scores_.max()),
        "single_scores": dict(zip(args.models, singles, strict=True)),
        "settings": _settings(args.settings),
        "seed": args.seed,
    }
    with whole_file(Path(args.fit)) as beside:
        beside.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
