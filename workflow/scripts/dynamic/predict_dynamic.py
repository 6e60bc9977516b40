"""Predict with the transformer over time.

In: embeddings of each split, weights and card. Out: for each split the table predictions of the task, one row for each
window and frame.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import add_prediction_arguments, embedded_splits, write_predictions
from abaw.config import DynamicNetworkConfig
from abaw.dynamic import prediction
from abaw.nn import runtime
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_prediction_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(DynamicNetworkConfig), required=True)
    arguments.add_argument("--embeddings", type=Path, nargs="+", required=True, help="of each split")
    args = arguments.parse_args()

    device = runtime.start(args.compute, seed=0)
    card = read_card(args.card)
    for output, embeddings in embedded_splits(args):
        table = prediction.predict_dynamic(args.task, args.weights, card, args.settings, embeddings, device)
        write_predictions(args.task, table, card, output)


if __name__ == "__main__":
    run(main)
