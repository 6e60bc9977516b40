"""Plot the fusion weights of the Dirichlet weighted systems of one challenge.

In: what fuse_dirichlet wrote as JSON, with the systems' names in the same order. Out: a PNG.
"""

import json
from pathlib import Path

from abaw.commands.base import parser, run
from abaw.report.figures import save_figure, weights_figure


def main() -> None:
    """Parse the arguments, read, plot."""
    arguments = parser(__doc__)
    arguments.add_argument("--systems", nargs="+", required=True, help="names, in the order of --fits")
    arguments.add_argument("--fits", type=Path, nargs="+", required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    fits = {
        name: json.loads(path.read_text(encoding="utf-8")) for name, path in zip(args.systems, args.fits, strict=True)
    }
    save_figure(weights_figure(fits), args.output)
    print(f"{len(fits)} systems: {args.output}")


if __name__ == "__main__":
    run(main)
