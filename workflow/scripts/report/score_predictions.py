"""Score every system of a challenge on one split, and a constant one beside them.

In: the frames tables of the systems, labels and tracks. Out: a CSV with the columns SCORE_COLUMNS.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run
from abaw.report.scores import Resampling, constant_outputs, score_rows, write_scores
from abaw.tables.arrays import KEYS, matrix, truth_at, videos_of
from abaw.tables.files import read_metadata, read_table
from abaw.tables.schemas import frames, labels
from abaw.tasks import SPLITS, TASKS


def main() -> None:
    """Parse the arguments, score, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--split", choices=SPLITS, required=True)
    arguments.add_argument("--systems", nargs="+", required=True, help="names, in the order of --frames")
    arguments.add_argument("--frames", type=Path, nargs="+", required=True)
    arguments.add_argument("--labels", type=Path, required=True)
    arguments.add_argument("--tracks", type=Path, required=True)
    arguments.add_argument("--resamples", type=int, required=True)
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    annotations = read_table(labels(args.task), args.labels)
    tracks = read_table("tracks", args.tracks, ["sample", "video"])
    resampling = Resampling(args.resamples, args.seed)
    rows, keys = [], None
    for system, path in zip(args.systems, args.frames, strict=True):
        table = read_table(frames(args.task), path)
        if not len(table):  # too few videos for a nested estimate
            continue
        if keys is None or not keys.equals(table.select(KEYS)):
            keys = table.select(KEYS)
            truth, videos = truth_at(args.task, keys, annotations), videos_of(keys, tracks)
        outputs = matrix(table, TASKS[args.task].outputs)
        fitted_on = read_metadata(path)["fitted_on"]
        rows += score_rows(args.task, system, args.split, truth, outputs, videos, fitted_on, resampling)
    constant = constant_outputs(args.task, truth)
    rows += score_rows(args.task, "constant", args.split, truth, constant, videos, args.split, resampling)
    write_scores(rows, args.output)
    print(f"{len(rows)} scores: {args.output}")


if __name__ == "__main__":
    run(main)
