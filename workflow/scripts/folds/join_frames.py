"""Put what the models of all folds say together: of annotated videos those that have not seen them, of test the mean.

In: the table frames of each fold on its validation and on test, the tracks that each was trained on, and all annotated
tracks. Out: the table frames of all annotated rows, and of test.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run
from abaw.folds.joining import join_unseen, mean_frames
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.provenance import BY_FOLDS, joined
from abaw.tables.schemas import frames


def main() -> None:
    """Parse the arguments, join, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    for name in ("val", "test", "trained-on"):
        arguments.add_argument(f"--{name}", type=Path, nargs="+", required=True, help="a table a fold")
    arguments.add_argument("--tracks", type=Path, required=True, help="of all annotated videos")
    arguments.add_argument("--output-val", type=Path, required=True)
    arguments.add_argument("--output-test", type=Path, required=True)
    args = arguments.parse_args()

    kind = frames(args.task)
    order = read_table("tracks", args.tracks, ["sample"])["sample"].to_pylist()
    val, test, trained_on = (
        [read_table(name, path) for path in paths]
        for name, paths in ((kind, args.val), (kind, args.test), ("tracks", args.trained_on))
    )
    about = {name: value for name, value in read_metadata(args.val[0]).items() if name in ("units", "fitted_on")}
    about["fitted_on"] = joined([read_metadata(path)["fitted_on"] for path in args.val], BY_FOLDS)
    write_table(kind, join_unseen(val, trained_on, order), args.output_val, about)
    write_table(kind, mean_frames(args.task, test), args.output_test, about)
    print(f"{len(args.val)} folds, {len(order)} samples: {args.output_val}")


if __name__ == "__main__":
    run(main)
