"""Write the digest of a video's content, which stands for the video where other jobs are to run again if it changes.

In: a video. Out: its sha256, in the form of sha256sum.
"""

import hashlib
from pathlib import Path

from abaw.commands.base import parser, run
from abaw.running.errors import UserError
from abaw.running.files import whole_file


def main() -> None:
    """Parse the arguments, read, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--video", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    try:
        with args.video.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{args.video} cannot be read ({error.strerror}); copy it again, or let it be read") from error
    with whole_file(args.output) as beside:
        beside.write_text(f"{digest}  {args.video.name}\n", encoding="utf-8")
    print(f"{digest}: {args.output}")


if __name__ == "__main__":
    run(main)
