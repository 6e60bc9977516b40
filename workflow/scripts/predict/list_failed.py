"""List the videos that cannot be read, with what stands against each of them.

In: ids, paths and sentences. Out: a CSV, of a header alone where all can be read.
"""

import csv
import json
from pathlib import Path

from abaw.commands.base import parser, run
from abaw.running.files import whole_file

COLUMNS = ("video", "path", "reason")


def main() -> None:
    """Parse the arguments, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--failed", type=json.loads, required=True, help="JSON: a list of [video, path, reason]")
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    with whole_file(args.output) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerows([COLUMNS, *args.failed])
    print(f"{len(args.failed)} videos cannot be read: {args.output}")


if __name__ == "__main__":
    run(main)
