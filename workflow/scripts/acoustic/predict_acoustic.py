"""Predict one split with the acoustic model, on whole tracks, voiced or not.

In: tracks and voiced tables, FLAC tracks, weights and card. Out: the table predictions of the task, with a mark where
the target speaker speaks.
"""

from pathlib import Path

from abaw.acoustic.prediction import load_acoustic, predict_samples
from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import add_prediction_arguments, write_predictions
from abaw.config import AcousticNetworkConfig
from abaw.nn import runtime
from abaw.speech.audio import made_by
from abaw.tables.files import read_table, read_tables
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_prediction_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(AcousticNetworkConfig), required=True)
    arguments.add_argument("--tracks", type=Path, required=True)
    arguments.add_argument("--voiced", type=Path, nargs="+", required=True)
    arguments.add_argument("--audio", type=Path, nargs="+", required=True)
    args = arguments.parse_args()

    device = runtime.start(args.compute, seed=0)
    card = read_card(args.card)
    model = load_acoustic(args.task, args.weights, card, args.settings, device)
    audio = {path.stem: path for path in args.audio}
    tracks = {row["sample"]: audio[row["video"]] for row in read_table("tracks", args.tracks).to_pylist()}
    voiced = read_tables("voiced", args.voiced)
    table = predict_samples(args.task, model, args.settings, tracks, voiced, device)
    made = ", ".join(sorted({made_by(path) for path in args.audio}))
    write_predictions(args, table, card, remarks={"audio": made})


if __name__ == "__main__":
    run(main)
