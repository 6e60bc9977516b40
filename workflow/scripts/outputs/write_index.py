"""Write the page of a folder of videos: a small picture, a link, and the summary of each.

In: the summary, and the small pictures that write_viewer wrote, each in the folder of its video. Out: a page.
"""

from pathlib import Path

from pyarrow import csv

from abaw.commands.base import parser, run
from abaw.outputs.summary import SUMMARY
from abaw.outputs.viewer import index
from abaw.running.files import whole_file


def main() -> None:
    """Parse the arguments, read, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--summary", type=Path, required=True, help="a CSV of write_summary")
    arguments.add_argument("--thumbnails", type=Path, nargs="*", default=[], help="the JPEG of each video")
    arguments.add_argument("--out", type=Path, required=True, help="the page to write")
    args = arguments.parse_args()
    types = dict(zip(SUMMARY.names, SUMMARY.types, strict=True))
    rows = csv.read_csv(args.summary, convert_options=csv.ConvertOptions(column_types=types)).to_pylist()
    pictures = {path.absolute().parent.name: path.read_bytes() for path in args.thumbnails}
    with whole_file(args.out) as beside:
        beside.write_text(index(rows, args.out.parent, pictures), encoding="utf-8")
    print(f"{len({row['video'] for row in rows})} videos written to {args.out}")


if __name__ == "__main__":
    run(main)
