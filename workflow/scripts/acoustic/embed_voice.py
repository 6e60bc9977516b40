"""Take the acoustic model's embeddings at the analysed frames of one split.

In: the visual embeddings, whose rows say which frames those are, tracks table, FLAC tracks, weights and card. Out: the
table voice_embeddings with the same rows and, at each, what the model's outputs are read from, as wide as the model is.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from abaw.acoustic.embedding import embed_samples
from abaw.acoustic.prediction import load_acoustic
from abaw.commands.base import parser, run, settings_from
from abaw.config import AcousticNetworkConfig, ComputeConfig
from abaw.nn import runtime
from abaw.tables.files import read_table, write_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, embed, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--task", choices=TASKS, required=True)
    arguments.add_argument("--settings", type=settings_from(AcousticNetworkConfig), required=True)
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    for name in ("frames", "tracks", "weights", "card", "output"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--audio", type=Path, nargs="+", required=True)
    args = arguments.parse_args()

    tables = list(tqdm(embedded(args), "samples", disable=None))
    table = pa.concat_tables([SCHEMAS["voice_embeddings"].empty_table(), *tables])
    write_table("voice_embeddings", table, args.output, {"model_sha256": read_card(args.card)["sha256"]})
    print(f"{len(table)} frames of {len(tables)} samples: {args.output}")


def embedded(args: argparse.Namespace) -> Iterator[pa.Table]:
    """The table of each sample, in the order of the visual ones."""
    device = runtime.start(args.compute, seed=0)
    card = read_card(args.card)
    model = load_acoustic(args.task, args.weights, card, args.settings, device)
    audio = {path.stem: path for path in args.audio}
    tracks = {row["sample"]: audio[row["video"]] for row in read_table("tracks", args.tracks).to_pylist()}
    frames = read_table("embeddings", args.frames)
    return embed_samples(args.task, model, args.settings, tracks, frames, device)


if __name__ == "__main__":
    run(main)
