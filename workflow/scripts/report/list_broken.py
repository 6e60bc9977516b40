"""List the videos that broke while they were decoded, where `corpus.on_unreadable` let the run go on.

In: the faces tables of all videos. Out: a CSV with a line for each broken video; a header alone where there is none. A
table that was made while broken videos were skipped is an error where they are to stop a run.
"""

import csv
from pathlib import Path

from abaw.commands.base import parser, run
from abaw.faces.breaks import BROKEN
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tables.files import read_metadata


def main() -> None:
    """Parse the arguments, gather, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--faces", type=Path, nargs="+", required=True)
    arguments.add_argument("--on-unreadable", choices=["stop", "skip"], required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    found = {path.stem: read_metadata(path).get(BROKEN) for path in args.faces}
    broken = {video: problem for video, problem in found.items() if problem}
    if broken and args.on_unreadable == "stop":
        tables = " ".join(str(path) for path in args.faces if path.stem in broken)
        raise UserError(
            f"corpus.on_unreadable is stop, and of earlier runs that skipped there are broken videos: "
            f"{'; '.join(broken.values())}; copy them again and delete {tables}, or set it to skip"
        )
    with whole_file(args.output) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        lines = csv.writer(handle, lineterminator="\n")
        lines.writerow(("video", "problem", "what was done"))
        lines.writerows((video, problem, "no face from there on") for video, problem in sorted(broken.items()))
    print(f"{len(broken)} of {len(found)} videos broke: {args.output}")


if __name__ == "__main__":
    run(main)
