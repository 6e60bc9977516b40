"""Plot how the networks of one challenge learned.

In: the histories that training wrote. Out: a PNG.
"""

from pathlib import Path

import numpy as np

from abaw.commands.base import add_task, parser, run
from abaw.report.figures import curves_figure, save_figure


def main() -> None:
    """Parse the arguments, read, plot."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--networks", nargs="+", required=True, help="names, in the order of --histories")
    arguments.add_argument("--histories", type=Path, nargs="+", required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    tables = [np.atleast_1d(np.genfromtxt(path, delimiter=",", names=True)) for path in args.histories]
    histories = {
        name: {column: table[column].tolist() for column in table.dtype.names or ()}
        for name, table in zip(args.networks, tables, strict=True)
    }
    save_figure(curves_figure(args.task, histories), args.output)
    print(f"{len(histories)} networks: {args.output}")


if __name__ == "__main__":
    run(main)
