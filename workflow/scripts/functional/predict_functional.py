"""Predict with the functional model.

In: embeddings of each split, weights and card. Out: for each split the table predictions of the task, one row for each
window that counts.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run, settings_from
from abaw.commands.predictions import embedded_splits, write_predictions
from abaw.config import FunctionalConfig
from abaw.functional import model
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--settings", type=settings_from(FunctionalConfig), required=True)
    arguments.add_argument("--embeddings", type=Path, nargs="+", required=True, help="of each split")
    for name in ("weights", "card"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--output", type=Path, nargs="+", required=True, help="for each split")
    args = arguments.parse_args()

    card = read_card(args.card)
    for output, embeddings in embedded_splits(args):
        table = model.predict_functional(args.task, args.weights, card, args.settings, embeddings)
        write_predictions(args.task, table, card, output)


if __name__ == "__main__":
    run(main)
