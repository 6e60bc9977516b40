"""Average what the models of all seeds say of the rows of a split.

In: the table frames of each seed. Out: the table frames of their mean.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run
from abaw.folds.joining import mean_frames
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.provenance import joined
from abaw.tables.schemas import frames


def main() -> None:
    """Parse the arguments, average, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--frames", type=Path, nargs="+", required=True, help="a table a seed")
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    kind = frames(args.task)
    about = [read_metadata(path) for path in args.frames]
    table = mean_frames(args.task, [read_table(kind, path) for path in args.frames])
    fitted_on = joined([each["fitted_on"] for each in about])
    write_table(kind, table, args.output, {"units": about[0]["units"], "fitted_on": fitted_on})
    print(f"{len(args.frames)} seeds, {len(table)} rows: {args.output}")


if __name__ == "__main__":
    run(main)
