"""Draw what was found into a video: boxes, labels and the last seconds of the curves; the sound is kept.

In: a table people, and the video. Out: an MP4 with as many frames, each at its own time.
"""

from tqdm import tqdm

from abaw.commands.base import parser, run
from abaw.commands.outputs import add_output_arguments, read_people
from abaw.outputs.burning import annotate


def main() -> None:
    """Parse the arguments, draw, write."""
    arguments = parser(__doc__)
    add_output_arguments(arguments)
    arguments.add_argument("--threads", type=int, default=1)
    args = arguments.parse_args()
    people = read_people(args.frames)
    frames = annotate(args.video, people, args.out, args.threads)
    written = sum(1 for _ in tqdm(frames, total=len(people.time_s) or None, unit="frame", disable=None))
    print(f"{written} frames written to {args.out}")


if __name__ == "__main__":
    run(main)
