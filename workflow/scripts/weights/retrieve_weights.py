"""Come by a file of weights, from a folder or by a download, and check that it is the known one.

In: an entry of resources/weights.yaml; a folder that holds the file, at any depth, or none. Out: the file, or nothing.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.weights.manifest import Weights
from abaw.weights.retrieval import retrieve


def main() -> None:
    """Parse the arguments, retrieve."""
    arguments = parser(__doc__)
    arguments.add_argument("--weights", type=settings_from(Weights), required=True, metavar="JSON")
    arguments.add_argument("--folder", required=True, help="empty: download")
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    retrieve(args.weights, args.output, args.folder or None)
    origin = args.folder or args.weights.url
    print(f"{args.weights.name} ({args.weights.licence}), sha256 {args.weights.sha256}, from {origin}: {args.output}")


if __name__ == "__main__":
    run(main)
