"""Predict one split with the transformer over time.

In: embeddings, weights and card. Out: the table predictions of the task, one row for each window and frame.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import add_prediction_arguments, read_embedded, write_predictions
from abaw.config import DynamicNetworkConfig
from abaw.dynamic import prediction
from abaw.nn import runtime
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_prediction_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(DynamicNetworkConfig), required=True)
    arguments.add_argument("--embeddings", type=Path, nargs="+", required=True)
    args = arguments.parse_args()

    device = runtime.start(args.compute, seed=0)
    card = read_card(args.card)
    embeddings = read_embedded(args.embeddings)
    table = prediction.predict_dynamic(args.task, args.weights, card, args.settings, embeddings, device)
    write_predictions(args, table, card)


if __name__ == "__main__":
    run(main)
