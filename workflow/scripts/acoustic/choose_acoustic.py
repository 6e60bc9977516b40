"""Choose among the acoustic models the one with the best challenge measure on validation (paper §4.1).

In: weights, card, history and scored windows of each. Out: weights, card and history of the best, copied; the scored
windows of all in one table, each under its name.
"""

from pathlib import Path

from abaw.commands.base import parser, run
from abaw.commands.choosing import add_choosing_arguments, copy_best
from abaw.tables.files import read_metadata, read_tables, write_table
from abaw.tables.schemas import scored
from abaw.tasks import TASKS


def main() -> None:
    """Parse the arguments, compare, copy."""
    arguments = parser(__doc__)
    add_choosing_arguments(arguments)
    arguments.add_argument("--scored", type=Path, nargs="+", required=True, help="of every model")
    arguments.add_argument("--output-scored", type=Path, required=True, help="of all models")
    args = arguments.parse_args()

    cards, best = copy_best(args, "architecture")
    table = read_tables(scored(args.task), args.scored)
    write_table(scored(args.task), table, args.output_scored, {"fitted_on": read_metadata(args.scored[0])["fitted_on"]})
    measure = TASKS[args.task].challenge_measure
    reached = cards[best]["validation"][measure]
    print(f"{len(cards)} models; {cards[best]['architecture']}: {measure} {reached:.3f} on the windows of val")


if __name__ == "__main__":
    run(main)
