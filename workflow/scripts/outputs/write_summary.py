"""Summarise the people of all videos: a line for each video and subject, and for each video that cannot be read.

In: the tables people of the videos, and failed.csv. Out: a CSV.
"""

import csv
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from abaw.commands.base import parser, run
from abaw.commands.outputs import read_people
from abaw.outputs.summary import SUMMARY, summary_of, summary_of_failed
from abaw.tables.files import write_csv


def main() -> None:
    """Parse the arguments, read one table after the other, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--frames", type=Path, nargs="*", default=[], help="the table people of each video")
    arguments.add_argument("--failed", type=Path, help="the CSV of those that cannot be read")
    arguments.add_argument("--out", type=Path, required=True, help="the CSV to write")
    args = arguments.parse_args()
    lines = [summary_of(read_people(path)) for path in tqdm(args.frames, unit="video", disable=None)]
    if args.failed:
        with args.failed.open(newline="", encoding="utf-8") as handle:
            lines.append(summary_of_failed(csv.DictReader(handle)))
    table = pa.concat_tables([SUMMARY.empty_table(), *lines])
    write_csv(table, args.out)
    print(f"{len(table)} lines, of {len(args.frames)} videos that can be read and those that cannot: {args.out}")


if __name__ == "__main__":
    run(main)
