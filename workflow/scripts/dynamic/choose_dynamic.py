"""Choose among the transformers of the sweep the one with the best challenge measure on validation (paper §3.2.2).

In: weights, card and history of every cell, in the order of the grid. Out: those of the best, copied; the sweep as CSV.
"""

import csv
from pathlib import Path

from abaw.commands.base import parser, run
from abaw.commands.choosing import add_choosing_arguments, copy_best
from abaw.running.files import whole_file
from abaw.tasks import TASKS

COLUMNS = ("task", "window_s", "normaliser", "measure", "value", "best_epoch", "chosen", "fitted_on")


def main() -> None:
    """Parse the arguments, compare, copy."""
    arguments = parser(__doc__)
    add_choosing_arguments(arguments)
    arguments.add_argument("--sweep", type=Path, required=True)
    args = arguments.parse_args()

    cards, best = copy_best(args, "window", "normaliser")
    measure = TASKS[args.task].challenge_measure
    values = [card["validation"][measure] for card in cards]
    with whole_file(args.sweep) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        lines = csv.writer(handle, lineterminator="\n")
        lines.writerow(COLUMNS)
        for number, (card, value) in enumerate(zip(cards, values, strict=True)):
            about = (card["window_s"], card["normaliser"], measure, f"{value:.4f}", card["best_epoch"])
            lines.writerow((args.task, *about, int(number == best), card["fitted_on"]))
    chosen = cards[best]
    print(f"{len(cards)} cells; {chosen['window_s']} s, {chosen['normaliser']}: {measure} {values[best]:.3f} on val")
    print(f"sweep: {args.sweep}")


if __name__ == "__main__":
    run(main)
