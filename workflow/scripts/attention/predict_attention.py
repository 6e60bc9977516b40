"""Predict one split with attention over several modalities.

In: embeddings of each modality with the same rows, weights and card. Out: the table predictions of the task, one row
for each window and frame.
"""

from pathlib import Path

from abaw.attention import prediction
from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import add_prediction_arguments, read_embedded, write_predictions
from abaw.config import AttentionNetworkConfig
from abaw.nn import runtime
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_prediction_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(AttentionNetworkConfig), required=True)
    arguments.add_argument("--embeddings", type=Path, nargs="+", required=True, help="a table each")
    args = arguments.parse_args()

    device = runtime.start(args.compute, seed=0)
    card = read_card(args.card)
    modalities = read_embedded(args.embeddings)
    table = prediction.predict_attention(args.task, args.weights, card, args.settings, modalities, device)
    write_predictions(args, table, card)


if __name__ == "__main__":
    run(main)
