"""Predict one split with the transformer over time.

In: embeddings, weights and card. Out: the table predictions of the task, one row for each window and frame.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import add_prediction_arguments, write_predictions
from abaw.config import DynamicNetworkConfig
from abaw.dynamic.model import DynamicModel
from abaw.dynamic.training import Sequences, predict_over_time
from abaw.nn import checkpoint, runtime
from abaw.tables.files import read_table
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_prediction_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(DynamicNetworkConfig), required=True)
    arguments.add_argument("--embeddings", type=Path, required=True)
    args = arguments.parse_args()

    device = runtime.start(args.compute, seed=0)
    card = read_card(args.card)
    model = checkpoint.load(DynamicModel(args.task, args.settings), args.weights, card).to(device)
    embeddings = read_table("embeddings", args.embeddings)
    sequences = Sequences.of(args.task, [embeddings], None, card["window"], card["normaliser"], device)
    table = predict_over_time(args.task, model, sequences, card["prior"], args.settings.training.batch_size)
    write_predictions(args, table, card)


if __name__ == "__main__":
    run(main)
