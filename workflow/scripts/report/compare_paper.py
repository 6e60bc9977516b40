"""Put the paper's Tables 2 to 6 and this run's figures into one table.

In: the scores, the acoustic and functional models' own windows of validation, their tracks, and the systems as the
configuration has them. Out: a CSV with the columns of abaw.report.tables.COLUMNS.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from pydantic import TypeAdapter

from abaw.commands.base import parser, run
from abaw.config import SystemConfig
from abaw.report.scores import Resampling, score_rows
from abaw.report.tables import COLUMNS, acoustic_rows, functional_rows, system_rows
from abaw.running.files import whole_file
from abaw.tables.arrays import matrix, videos_of
from abaw.tables.files import read_metadata, read_table
from abaw.tables.schemas import scored
from abaw.tasks import TASKS, TaskName


def main() -> None:
    """Parse the arguments, read, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--tasks", nargs="+", required=True, help="challenges, in the order of the next three")
    for name in ("acoustic", "functional", "tracks"):
        arguments.add_argument(f"--{name}", type=Path, nargs="+", required=True)
    arguments.add_argument("--scores", type=Path, required=True)
    arguments.add_argument("--systems", type=TypeAdapter(dict[str, SystemConfig]).validate_json, required=True)
    arguments.add_argument("--resamples", type=int, required=True)
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    scores = read_csv(args.scores)
    rows: list[dict[str, Any]] = []
    for task, acoustic, functional, tracks in zip(args.tasks, args.acoustic, args.functional, args.tracks, strict=True):
        rows += acoustic_rows(task, window_scores(args, task, acoustic, tracks))
        rows += functional_rows(task, window_scores(args, task, functional, tracks))
        rows += system_rows(task, args.systems, scores)
    rows.sort(key=lambda row: row["table"])
    with whole_file(args.output) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        lines = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
    print(f"{len(rows)} figures: {args.output}")


def window_scores(args: argparse.Namespace, task: TaskName, path: Path, tracks_path: Path) -> list[dict[str, Any]]:
    """The scores of each variant in a table of scored windows, as rows of `abaw.report.scores`."""
    tracks = read_table("tracks", tracks_path, ["sample", "video"])
    table, fitted_on = read_table(scored(task), path), read_metadata(path)["fitted_on"]
    rows = []
    for variant in table["variant"].unique().to_pylist():
        own = table.filter(pc.equal(table["variant"], variant))
        truth = matrix(own, [f"true_{name}" for name in TASKS[task].labels])
        outputs = matrix(own, TASKS[task].outputs)
        resampling = Resampling(args.resamples, args.seed)
        rows += score_rows(task, variant, "val", truth, outputs, videos_of(own, tracks), fitted_on, resampling)
    return rows


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


if __name__ == "__main__":
    run(main)
