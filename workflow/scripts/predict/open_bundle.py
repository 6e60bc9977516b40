"""Lay a bundle's files out where all jobs read them, each checked against its digest.

In: a bundle, a folder or a zip. Out: its files.
"""

from pathlib import Path

from abaw.bundle.reading import unpack_bundle
from abaw.bundle.words import in_words
from abaw.commands.base import parser, run


def main() -> None:
    """Parse the arguments, check, copy."""
    arguments = parser(__doc__)
    arguments.add_argument("--bundle", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True, help="folder")
    args = arguments.parse_args()

    print(in_words(unpack_bundle(args.bundle, args.output)))


if __name__ == "__main__":
    run(main)
