"""Write the page of a video: the untouched video, and beneath it what was found in it, second by second.

In: a table people, and the video. Out: a page for a browser, and a small picture of the video, which is also asked for
by the page of the folder.
"""

from pathlib import Path

import numpy as np

from abaw.commands.base import parser, run
from abaw.commands.outputs import add_output_arguments, read_people
from abaw.outputs.people import People
from abaw.outputs.picture import still_of
from abaw.outputs.viewer import viewer
from abaw.running.files import whole_file


def main() -> None:
    """Parse the arguments, look at one picture, write."""
    arguments = parser(__doc__)
    add_output_arguments(arguments)
    arguments.add_argument("--thumbnail", type=Path, required=True, help="the JPEG to write")
    args = arguments.parse_args()
    people = read_people(args.frames)
    still = still_of(args.video, first_seen_s(people))
    page = viewer(people, args.video, args.out.parent, still.size_px, still.jpeg)
    with whole_file(args.thumbnail) as beside:
        beside.write_bytes(still.jpeg)
    with whole_file(args.out) as beside:
        beside.write_text(page, encoding="utf-8")
    print(f"{len(people.persons)} people in {len(people.time_s)} frames written to {args.out}")


def first_seen_s(people: People) -> float:
    """When the first person is first measured; 0 where nobody is."""
    measured = people.persons[0].measured if people.persons else np.zeros(0, np.bool_)
    return float(people.time_s[measured.argmax()]) if measured.any() else 0.0


if __name__ == "__main__":
    run(main)
