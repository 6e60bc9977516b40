"""Predict one split with the acoustic model, on whole tracks, voiced or not.

In: tracks and voiced tables, FLAC tracks, weights and card. Out: the table predictions of the task, with a mark where
the target speaker speaks.
"""

from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from abaw.acoustic.training import build, predict_track, prediction_table
from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import add_prediction_arguments, write_predictions
from abaw.config import AcousticNetworkConfig
from abaw.nn import checkpoint, runtime
from abaw.speech.audio import made_by, read_flac
from abaw.tables.arrays import runs_of
from abaw.tables.files import read_table, read_tables
from abaw.tables.schemas import SCHEMAS, predictions
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
    model = checkpoint.load(build(args.task, card["architecture"], args.settings), args.weights, card).to(device)
    audio = {path.stem: path for path in args.audio}
    voiced = read_tables("voiced", args.voiced)
    tables = [SCHEMAS[predictions(args.task)].empty_table()]
    for row in tqdm(read_table("tracks", args.tracks).to_pylist(), "samples", disable=None):
        found = predict_track(args.task, model, read_flac(audio[row["video"]]), args.settings, device)
        runs = runs_of(voiced, row["sample"])
        table = prediction_table(args.task, row["sample"], *found, runs)
        tables.append(table.select(tables[0].column_names).cast(tables[0].schema))
    made = ", ".join(sorted({made_by(path) for path in args.audio}))
    write_predictions(args, pa.concat_tables(tables), card, remarks={"audio": made})


if __name__ == "__main__":
    run(main)
