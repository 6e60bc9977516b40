"""Bring one model's predictions to one row per frame of every video of a split (paper §3.2.3).

In: a model's table of predictions, with `units` in its metadata (value for va, logit for expr), and the tracks of the
split, which say how many rows each sample needs and at what frame rate. Out: the frames table of that split, smoothed:
valence and arousal in [-1, 1], or class probabilities. The predictions' metadata travel on. Where a CSV of widths is
given, the best of these is the width.
"""

from pathlib import Path
from typing import get_args

from abaw.commands.base import add_task, parser, run
from abaw.config.fusion import FilterName
from abaw.running.errors import UserError
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.provenance import also_chosen
from abaw.tables.schemas import frames, predictions
from abaw.tasks import TASKS
from abaw.timeline.alignment import frames_of
from abaw.timeline.filters import Smoothing
from abaw.timeline.rows import rows_of
from abaw.timeline.widths import best_smoothing


def main() -> None:
    """Read, align, write."""
    command = parser(__doc__)
    command.add_argument("--predictions", required=True, help="Parquet table of one model's predictions")
    command.add_argument("--tracks", required=True, help="Parquet table of the split's tracks")
    add_task(command)
    command.add_argument("--smoothing-s", required=True, type=float, help="length of the filter")
    command.add_argument("--filter", required=True, choices=get_args(FilterName))
    command.add_argument("--smoothed", required=True, choices=("logits", "probabilities"))
    command.add_argument("--widths", nargs="*", type=Path, default=[], help="a CSV of sweep_smoothing, or nothing")
    command.add_argument("--output", required=True, help="Parquet table of frames to write")
    args = command.parse_args()

    table = read_table(predictions(args.task), args.predictions)
    metadata = read_metadata(args.predictions)
    if metadata.get("units") != TASKS[args.task].units:
        raise UserError(
            f"{args.predictions} holds predictions in the units {metadata.get('units')!r}, expected "
            f"{TASKS[args.task].units!r}; write them again with units in the metadata"
        )
    tracks = read_table("tracks", args.tracks)
    smoothing = best_smoothing(args.widths[0]) if args.widths else Smoothing(args.filter, args.smoothing_s)
    if args.widths:
        metadata["fitted_on"] = also_chosen(metadata["fitted_on"], "width")
    try:
        aligned = frames_of(args.task, table, rows_of(tracks), smoothing.width_s, args.smoothed, smoothing.kind)
    except UserError as error:
        raise UserError(f"{args.predictions} and {args.tracks}: {error}") from error
    metadata["units"] = "value" if TASKS[args.task].kind == "values" else "probability"
    del metadata["abaw_table"]
    write_table(frames(args.task), aligned, args.output, metadata)


if __name__ == "__main__":
    run(main)
