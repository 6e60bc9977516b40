"""Take the embeddings of one split's face crops from the frame-level model.

In: faces and tracks tables, weights and card; what becomes of frames without a face. Out: the table embeddings, with
the card in its metadata.
"""

import json
from pathlib import Path

from abaw.commands.base import add_task, parser, run, settings_from
from abaw.config import ComputeConfig, EmbeddingConfig
from abaw.nn import runtime
from abaw.static.embedder import load_embedder
from abaw.static.embedding import embed_samples
from abaw.tables.files import read_table, write_table
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, embed, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    arguments.add_argument("--settings", type=settings_from(EmbeddingConfig), required=True)
    arguments.add_argument("--tracks", type=Path, required=True)
    arguments.add_argument("--faces", type=Path, nargs="+", required=True)
    arguments.add_argument("--weights", type=Path, required=True)
    arguments.add_argument("--card", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    device = runtime.start(args.compute, seed=0)
    card = read_card(args.card)
    embedder, spec = load_embedder(args.weights, card, device, args.compute.threads)
    filling = args.settings.without_face
    samples = read_table("tracks", args.tracks)["sample"].to_pylist()
    table = embed_samples(embedder, spec, args.faces, samples, device, filling)
    about = {name: value for name, value in card.items() if name != "git_commit"}  # which changes no number
    write_table("embeddings", table, args.output, {"model": json.dumps(about, sort_keys=True), "without_face": filling})
    print(f"{len(table)} frames of {len(samples)} samples: {args.output}")


if __name__ == "__main__":
    run(main)
