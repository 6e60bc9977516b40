"""Bring one model's predictions to one row per frame of every video of a split (paper §3.2.3).

In: a model's table of predictions, with `units` in its metadata (value for va, logit for expr), and the tracks of the
split, which say how many rows each sample needs and at what frame rate. Out: the frames table of that split, smoothed:
valence and arousal in [-1, 1], or class probabilities. The predictions' metadata travel on.
"""

from _command import parser, run, settings_from

from abaw.config import TimelineConfig
from abaw.errors import UserError
from abaw.rows import rows_of
from abaw.tables import frames, predictions, read_metadata, read_table, write_table
from abaw.tasks import TASKS
from abaw.timeline import UNITS, frames_of


def main() -> None:
    """Read, align, write."""
    command = parser(__doc__)
    command.add_argument("--predictions", required=True, help="Parquet table of one model's predictions")
    command.add_argument("--tracks", required=True, help="Parquet table of the split's tracks")
    command.add_argument("--task", required=True, choices=list(TASKS))
    command.add_argument("--settings", required=True, type=settings_from(TimelineConfig), help="the section timeline")
    command.add_argument("--output", required=True, help="Parquet table of frames to write")
    args = command.parse_args()

    table = read_table(predictions(args.task), args.predictions)
    metadata = read_metadata(args.predictions)
    if metadata.get("units") != UNITS[args.task]:
        raise UserError(
            f"{args.predictions} holds predictions in the units {metadata.get('units')!r}, expected "
            f"{UNITS[args.task]!r}; write them again with units in the metadata"
        )
    tracks = read_table("tracks", args.tracks)
    try:
        aligned = frames_of(args.task, table, rows_of(tracks), args.settings)
    except UserError as error:
        raise UserError(f"{args.predictions} and {args.tracks}: {error}") from error
    metadata["units"] = "probability" if args.task == "expr" else "value"
    del metadata["abaw_table"]
    write_table(frames(args.task), aligned, args.output, metadata)


if __name__ == "__main__":
    run(main)
