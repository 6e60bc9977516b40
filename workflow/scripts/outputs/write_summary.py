"""Summarise the people of all videos: a line for each video and subject.

In: the tables people of the videos. Out: a CSV.
"""

from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from abaw.commands.base import parser, run
from abaw.commands.outputs import read_people
from abaw.outputs.summary import SUMMARY, summary_of
from abaw.outputs.text import write_csv


def main() -> None:
    """Parse the arguments, read one table after the other, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--frames", type=Path, nargs="*", default=[], help="the table people of each video")
    arguments.add_argument("--out", type=Path, required=True, help="the CSV to write")
    args = arguments.parse_args()
    lines = [summary_of(read_people(path)) for path in tqdm(args.frames, unit="video", disable=None)]
    table = pa.concat_tables([SUMMARY.empty_table(), *lines])
    write_csv(table, args.out)
    print(f"{len(table)} people of {len(args.frames)} videos written to {args.out}")


if __name__ == "__main__":
    run(main)
