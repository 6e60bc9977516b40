"""Plot how the cells of the sweep learned, and what each reached, by window and normaliser.

In: the sweep as CSV and the histories of its cells in the same order. Out: a PNG.
"""

import csv
from pathlib import Path

from abaw.commands.base import add_task, parser, run
from abaw.report.figures import save_figure, sweep_figure
from abaw.tasks import TASKS


def main() -> None:
    """Parse the arguments, read, plot."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--sweep", type=Path, required=True)
    arguments.add_argument("--histories", type=Path, nargs="+", required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    with args.sweep.open(newline="", encoding="utf-8") as handle:
        cells = list(csv.DictReader(handle))
    measure = TASKS[args.task].challenge_measure
    curves = []
    for path in args.histories:
        with path.open(newline="", encoding="utf-8") as handle:
            curves.append([float(row[measure]) for row in csv.DictReader(handle)])
    save_figure(sweep_figure(args.task, cells, curves), args.output)
    print(f"{len(cells)} cells: {args.output}")


if __name__ == "__main__":
    run(main)
