"""Fit a bias for each class, and a temperature, to what a system says of validation, and apply them.

In: the frames of a system for validation and test, as its fusion leaves them, and the labels. Out: the frames of both
after it, marked with what was fitted, and a JSON file of bias, temperature and the scores before and after.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from abaw import metrics
from abaw.commands.base import add_task, parser, run, settings_from
from abaw.commands.fusion import read_truth
from abaw.config import CalibrationConfig
from abaw.fusion.calibration import fit_calibration
from abaw.running.files import whole_file
from abaw.tables.arrays import KEYS, frames_table, matrix
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.schemas import frames
from abaw.tasks import TASKS


def main() -> None:
    """Read, fit on validation, write both splits."""
    arguments = parser(__doc__)
    add_task(arguments)
    for name in ("frames-val", "frames-test", "labels", "output-val", "output-test", "fit"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--settings", required=True, type=settings_from(CalibrationConfig))
    args = arguments.parse_args()

    names = TASKS[args.task].outputs
    val = read_table(frames(args.task), args.frames_val)
    truth, said = read_truth(args.task, val.select(KEYS), args.labels, args.frames_val), matrix(val, names)
    found = fit_calibration(said, truth, args.settings)
    about = read_metadata(args.frames_val)
    asked = [word for word in ("class_bias", "temperature") if getattr(args.settings, word)]
    about["fitted_on"] += f"; {' and '.join(word.replace('_', ' ') for word in asked)} on val"
    del about["abaw_table"]
    for path, output in ((args.frames_val, args.output_val), (args.frames_test, args.output_test)):
        table = read_table(frames(args.task), path)
        values = found.apply(matrix(table, names))
        write_table(frames(args.task), frames_table(args.task, table.select(KEYS), values), output, about)
    before, after = (_measure(args, truth, outputs) for outputs in (said, found.apply(said)))
    content = {"task": args.task, "temperature": found.temperature, "bias": dict(zip(names, found.bias, strict=True))}
    content |= {"measure": TASKS[args.task].challenge_measure, "before": before, "after": after}
    with whole_file(args.fit) as beside:
        beside.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
    print(f"{content['measure']} {before:.3f} before, {after:.3f} after, both on val: {args.fit}")


def _measure(args: argparse.Namespace, truth: np.ndarray, outputs: np.ndarray) -> float:
    return metrics.score(args.task, truth, outputs)[TASKS[args.task].challenge_measure]


if __name__ == "__main__":
    run(main)
