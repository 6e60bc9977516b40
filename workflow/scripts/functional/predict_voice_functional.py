"""Predict one split with the functional model of the voice.

In: statistics of the voices, tracks, weights and card. Out: the table predictions of the task, one row for each window,
with a mark where the target speaker speaks; a sample without sound gets the prior.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import write_predictions
from abaw.config import VoiceFunctionalConfig
from abaw.functional.model import load_model
from abaw.functional.voice import voice_windows, voiced_of
from abaw.tables.files import read_table
from abaw.tables.priors import predictions_table
from abaw.tasks import TASKS
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--task", choices=TASKS, required=True)
    arguments.add_argument("--settings", type=settings_from(VoiceFunctionalConfig), required=True)
    for name in ("statistics", "tracks", "weights", "card", "output"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    args = arguments.parse_args()

    card = read_card(args.card)
    model = load_model(args.weights, card)
    statistics, tracks = read_table("voice_statistics", args.statistics), read_table("tracks", args.tracks)
    windows = voice_windows(args.task, statistics, tracks, None, args.settings.statistics)
    outputs = model.outputs(args.task, windows.statistics)
    spans = windows.statistics.start_s, windows.statistics.end_s
    voiced = voiced_of(statistics)
    table = predictions_table(args.task, windows.samples, *spans, outputs, windows.names, card["prior"], voiced)
    write_predictions(args, table, card)


if __name__ == "__main__":
    run(main)
