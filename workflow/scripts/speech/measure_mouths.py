"""Measure the mouths of one video's subjects at the gate's own rate, where the table faces says that they are.

In: the video and its table faces; with the organisers' crops, the folder of each subject instead of the video's
pictures. Out: the table mouths, a row for each frame that the rate takes and every subject. What was measured is the
same as in faces; only the frames are others.
"""

import argparse
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path

from tqdm import tqdm

from abaw.commands.base import parser, run
from abaw.faces.organisers import Crops, read_crops
from abaw.media.video import EVERY_FRAME_HZ, probe
from abaw.speech.mouths import BOX, Boxes, MouthRow, measure_mouths
from abaw.tables.arrays import blocks
from abaw.tables.files import read_table, table_writer
from abaw.tables.schemas import SCHEMAS


def main() -> None:
    """Parse the arguments, measure, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--video", type=Path, required=True)
    arguments.add_argument("--faces", type=Path, required=True)
    arguments.add_argument("--crops", type=Path, nargs="*", default=[], help="the organisers' folder of each subject")
    arguments.add_argument(
        "--rate-hz", type=float, nargs="?", help="frames a second; without a value, all of the video"
    )
    arguments.add_argument("--margin-px", type=int, required=True)
    arguments.add_argument("--on-unreadable", choices=["stop", "skip"], required=True)
    arguments.add_argument("--threads", type=int, required=True, help="of the decoder and of who looks at its pictures")
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    info = probe(args.video)
    broken: list[str] = []
    found = in_crops(args) if args.crops else in_frames(args, broken)
    expected = min(info.n_frames, ceil(info.duration_s * (args.rate_hz or EVERY_FRAME_HZ)))
    n_rows = n_mouths = 0
    with table_writer("mouths", args.output) as write:
        for rows in tqdm(found, total=expected, unit="frame", desc=args.output.stem, disable=None):
            write(rows)
            n_rows += len(rows)
            n_mouths += sum(row["mouth_opening"] is not None for row in rows)
    for sentence in broken:
        print(f"{sentence}; there is no mouth from there on")
    print(f"{n_mouths} mouths in {n_rows} rows: {args.output}")


def in_frames(args: argparse.Namespace, broken: list[str]) -> Iterator[Sequence[MouthRow]]:
    """Mouths in the video's own pictures."""
    faces = read_table("faces", args.faces, ["sample", "frame", "time_s", *BOX])
    by_subject = {
        sample: Boxes.of(block.to_pylist())
        for sample, block in blocks(faces.sort_by([("sample", "ascending"), ("frame", "ascending")]))
    }
    on_break = broken if args.on_unreadable == "skip" else None
    return measure_mouths(args.video, by_subject, args.rate_hz, args.margin_px, args.threads, on_break)


def in_crops(args: argparse.Namespace) -> Iterator[Sequence[MouthRow]]:
    """Mouths in the organisers' crops of the frames that the rate takes."""
    crops = [Crops.of(folder) for folder in args.crops]
    for rows in read_crops(probe(args.video), crops, args.rate_hz or EVERY_FRAME_HZ):
        yield [{name: row[name] for name in SCHEMAS["mouths"].names} for row in rows]


if __name__ == "__main__":
    run(main)
