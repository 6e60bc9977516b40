"""Put the tracks and the labels of a fold's split together out of those of the corpus's own splits.

In: the tables tracks and labels of the corpus. Out: the same tables of the samples that are named, in their order.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run
from abaw.folds.joining import rows_of_samples
from abaw.tables.files import read_tables, write_table
from abaw.tables.schemas import labels


def main() -> None:
    """Parse the arguments, choose, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--tracks", type=Path, nargs="+", required=True)
    arguments.add_argument("--labels", type=Path, nargs="+", required=True)
    arguments.add_argument("--samples", nargs="+", required=True, help="in their order")
    arguments.add_argument("--output-tracks", type=Path, required=True)
    arguments.add_argument("--output-labels", type=Path, required=True)
    args = arguments.parse_args()

    for kind, paths, output in (
        ("tracks", args.tracks, args.output_tracks),
        (labels(args.task), args.labels, args.output_labels),
    ):
        write_table(kind, rows_of_samples(read_tables(kind, paths), args.samples), output)
    print(f"{len(args.samples)} samples: {args.output_tracks}")


if __name__ == "__main__":
    run(main)
