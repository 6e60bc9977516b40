"""List the videos that cannot be read, with what stands against each of them.

In: ids, paths and sentences, as JSON on the standard input. Out: a CSV, of a header alone where all can be read; what
of a name is not in UTF-8 is written as Python would.
"""

import csv
import json
import sys
from pathlib import Path

from abaw.commands.base import parser, run
from abaw.running.files import whole_file

COLUMNS = ("video", "path", "reason")


def main() -> None:
    """Parse the arguments, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    failed = json.load(sys.stdin)
    with (
        whole_file(args.output) as beside,
        beside.open("w", newline="", encoding="utf-8", errors="backslashreplace") as handle,
    ):
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerows([COLUMNS, *failed])
    print(f"{len(failed)} videos cannot be read: {args.output}")


if __name__ == "__main__":
    run(main)
