"""List what does not fit together in the corpus: rows against frames, missing audio.

In: the tracks tables of all challenges and splits. Out: a CSV (task, split, sample, problem), one line a problem.
"""

import csv
from pathlib import Path

from _command import parser, run

from abaw.files import whole_file
from abaw.tables import read_table


def main() -> None:
    """Parse the arguments, read, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--names", nargs="+", required=True, help="challenge:split, in the order of --tracks")
    arguments.add_argument("--tracks", type=Path, nargs="+", required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    rows = [
        [*name.split(":"), track["sample"], problem]
        for name, path in zip(args.names, args.tracks, strict=True)
        for track in read_table("tracks", path).to_pylist()
        for problem in filter(None, track["problems"].split("; "))
    ]
    with whole_file(args.output) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["task", "split", "sample", "problem"])
        writer.writerows(rows)
    print(f"{len(rows)} problems: {args.output}")


if __name__ == "__main__":
    run(main)
