"""Predict one split with the acoustic model, on whole tracks, voiced or not.

In: tracks table, FLAC tracks, weights and card. Out: the table predictions of the task.
"""

from pathlib import Path

import pyarrow as pa
from _command import parser, run, settings_from
from _predictions import add_prediction_arguments, write_predictions
from tqdm import tqdm

from abaw.config import AcousticNetworkConfig
from abaw.nn import checkpoint, runtime
from abaw.nn.acoustic_training import build, predict_track, prediction_table
from abaw.speech.audio import read_flac
from abaw.tables import SCHEMAS, predictions, read_table


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_prediction_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(AcousticNetworkConfig), required=True)
    arguments.add_argument("--tracks", type=Path, required=True)
    arguments.add_argument("--audio", type=Path, nargs="+", required=True)
    args = arguments.parse_args()

    device = runtime.start(args.compute, seed=0)
    card = checkpoint.read_card(args.card)
    model = checkpoint.load(build(args.task, card["architecture"], args.settings), args.weights, card).to(device)
    audio = {path.stem: path for path in args.audio}
    tables = [SCHEMAS[predictions(args.task)].empty_table()]
    for row in tqdm(read_table("tracks", args.tracks).to_pylist(), "samples", disable=None):
        found = predict_track(args.task, model, read_flac(audio[row["video"]]), args.settings, device)
        tables.append(prediction_table(args.task, row["sample"], *found).cast(tables[0].schema))
    write_predictions(args, pa.concat_tables(tables), card)


if __name__ == "__main__":
    run(main)
