"""Predict one split with the functional model of the voice.

In: statistics of the voices, tracks, weights and card. Out: the table predictions of the task, one row for each window,
with a mark where the target speaker speaks; a sample without sound gets the prior.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run, settings_from
from abaw.commands.predictions import write_predictions
from abaw.config import VoiceFunctionalConfig
from abaw.functional.voice import predict_voices
from abaw.tables.files import read_table
from abaw.timeline.rows import rows_of
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--settings", type=settings_from(VoiceFunctionalConfig), required=True)
    for name in ("statistics", "tracks", "weights", "card", "output"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    args = arguments.parse_args()

    card = read_card(args.card)
    statistics, rows = read_table("voice_statistics", args.statistics), rows_of(read_table("tracks", args.tracks))
    table = predict_voices(args.task, args.weights, card, args.settings.statistics, statistics, rows)
    write_predictions(args, table, card)


if __name__ == "__main__":
    run(main)
