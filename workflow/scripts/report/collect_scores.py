"""Put the scores of all challenges and splits into one table.

In: CSV files of scores. Out: one CSV with the same columns.
"""

import csv
from pathlib import Path

from abaw.commands.base import parser, run
from abaw.report.scores import write_scores


def main() -> None:
    """Parse the arguments, read, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--scores", type=Path, nargs="+", required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    rows = []
    for path in args.scores:
        with path.open(newline="", encoding="utf-8") as handle:
            rows += list(csv.DictReader(handle))
    write_scores(rows, args.output)
    print(f"{len(rows)} scores: {args.output}")


if __name__ == "__main__":
    run(main)
