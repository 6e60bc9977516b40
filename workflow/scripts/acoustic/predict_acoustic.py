"""Hear the whole tracks of one split, voiced or not, with the acoustic model: its predictions and its embeddings.

In: tracks and voiced tables, FLAC tracks, weights and card; and the visual embeddings, whose rows say which frames are
analysed. Out: the table predictions of the task, with a mark where the target speaker speaks; and the table
voice_embeddings with the rows of the visual ones and, at each, what the model's outputs are read from, as wide as the
model is.
"""

from pathlib import Path

from abaw.acoustic.prediction import hear_samples, load_acoustic, tables_of
from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import add_prediction_arguments, write_predictions
from abaw.config import AcousticNetworkConfig
from abaw.nn import runtime
from abaw.speech.audio import made_by
from abaw.tables.files import read_table, read_tables, write_table
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    add_prediction_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(AcousticNetworkConfig), required=True)
    for name in ("tracks", "frames", "output-embeddings"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--voiced", type=Path, nargs="+", required=True)
    arguments.add_argument("--audio", type=Path, nargs="+", required=True)
    args = arguments.parse_args()

    device = runtime.start(args.compute, seed=0)
    card = read_card(args.card)
    model = load_acoustic(args.task, args.weights, card, args.settings, device)
    audio = {path.stem: path for path in args.audio}
    tracks = {row["sample"]: audio[row["video"]] for row in read_table("tracks", args.tracks).to_pylist()}
    frames = read_table("embeddings", args.frames, ["sample", "frame", "time_s", "has_face"])
    heard = hear_samples(args.task, model, args.settings, tracks, device)
    table, embeddings = tables_of(args.task, heard, read_tables("voiced", args.voiced), frames)
    about = {"model_sha256": card["sha256"], "fitted_on": card["fitted_on"]}
    write_table("voice_embeddings", embeddings, args.output_embeddings, about)
    made = ", ".join(sorted({made_by(path) for path in args.audio}))
    write_predictions(args, table, card, remarks={"audio": made})
    print(f"{len(embeddings)} frames: {args.output_embeddings}")


if __name__ == "__main__":
    run(main)
