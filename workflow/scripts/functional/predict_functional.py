"""Predict one split with the functional model.

In: embeddings, weights and card. Out: the table predictions of the task, one row for each window that counts.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run, settings_from
from abaw.commands.predictions import read_embedded, write_predictions
from abaw.config import FunctionalConfig
from abaw.functional import model
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--settings", type=settings_from(FunctionalConfig), required=True)
    arguments.add_argument("--embeddings", type=Path, nargs="+", required=True)
    for name in ("weights", "card", "output"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    args = arguments.parse_args()

    card = read_card(args.card)
    embeddings = read_embedded(args.embeddings)
    table = model.predict_functional(args.task, args.weights, card, args.settings, embeddings)
    write_predictions(args, table, card)


if __name__ == "__main__":
    run(main)
