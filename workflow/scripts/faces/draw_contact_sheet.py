"""Draw all crops of a video in one picture, with frame numbers, mouth openings and when the mouth speaks.

In: a table faces, and the table voiced of the same video. Out: a PNG.
"""

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from abaw.commands.base import parser, run
from abaw.faces.sheet import contact_sheet, thinned
from abaw.running.files import whole_file
from abaw.tables.files import read_rows, read_table


def main() -> None:
    """Parse the arguments, draw, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--faces", type=Path, required=True)
    arguments.add_argument("--voiced", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    voiced = defaultdict(list)
    for row in read_table("voiced", args.voiced).to_pylist():
        voiced[row["sample"]].append((row["start_s"], row["end_s"]))
    shown = thinned(read_table("faces", args.faces, ["sample", "has_face"]))
    columns = ["sample", "frame", "time_s", "has_face", "mouth_opening", "crop"]
    numbers = np.sort(np.concatenate([np.empty(0, np.int64), *(sample.rows for sample in shown.values())]))
    rows = (row for group in read_rows("faces", args.faces, columns, numbers) for row in group.to_pylist())
    sheet = contact_sheet(shown, rows, voiced)
    with whole_file(args.output) as beside:
        cv2.imwrite(str(beside), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(f"written to {args.output}")


if __name__ == "__main__":
    run(main)
