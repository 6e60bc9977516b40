"""Fine-tune the frame-level model on the face crops of the training split.

In: faces and tracks tables, labels, and where there was a pre-training its weights and card. Out: weights
(safetensors), their card (JSON) and the history (CSV).
"""

import argparse
from pathlib import Path

import pyarrow as pa

from abaw.commands.base import parser, run, settings_from
from abaw.commands.training import add_training_arguments, resume_of, write_training
from abaw.config import FineTuningConfig
from abaw.nn import runtime
from abaw.nn.compiling import check_compiler
from abaw.nn.parallel import team
from abaw.running.errors import UserError
from abaw.static.crops import Crops, Part, labelled_crops
from abaw.static.training import train_static
from abaw.tables.files import read_table, read_tables
from abaw.tables.provenance import FRAMES_MODEL, trained
from abaw.tables.schemas import labels
from abaw.weights.cards import read_card


def read_crops(args: argparse.Namespace, truth: pa.Table) -> list[Crops]:
    """The crops of training and validation; `UserError` where there is nothing to learn from or to choose by."""
    samples = [read_table("tracks", path)["sample"].to_pylist() for path in args.tracks]
    parts = [Part(samples[0], args.settings.every_nth), Part(samples[1])]
    crops = labelled_crops(args.task, args.faces, parts, truth, args.settings.input_px, args.threads)
    for part, path in zip(crops, args.tracks, strict=True):
        if not len(part):
            raise UserError(f"no analysed frame of the tracks in {path} has both a face and a label of {args.task}")
    return crops


def main() -> None:
    """Parse the arguments, train, write."""
    arguments = parser(__doc__)
    add_training_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(FineTuningConfig), required=True)
    arguments.add_argument("--tracks", type=Path, nargs=2, required=True, help="training, validation")
    arguments.add_argument("--faces", type=Path, nargs="+", required=True)
    arguments.add_argument("--pretrained", type=Path, nargs="*", default=[], help="weights and card to start from")
    arguments.add_argument(
        "--threads",
        type=int,
        required=True,
        help="that decode pictures, of all processes together; they change no result",
    )
    arguments.add_argument("--compile", action="store_true", help="let torch compile the steps, on a GPU")
    args = arguments.parse_args()

    device = runtime.start(args.compute, args.seed)
    if args.compile:
        check_compiler(device)
    args.threads = max(1, args.threads // team().size)
    truth = read_tables(labels(args.task), args.labels)
    train, val = read_crops(args, truth)
    resume = resume_of(args)
    start = tuple(args.pretrained) or None
    model, spec, history = train_static(
        train,
        val,
        args.settings,
        args.seed,
        device,
        resume,
        start,
        decoding_threads=args.threads,
        compile_steps=args.compile,
    )
    before = read_card(start[1]) if start else {"sha256": None, "corpora": {}}
    card = spec.as_card() | {"pretrained_sha256": before["sha256"], "pretrained_on": sorted(before["corpora"])}
    card["fitted_on"] = trained(*(FRAMES_MODEL for _ in args.settings.training.chosen_on_val))
    write_training(args, model, history, card, len(train), resume)


if __name__ == "__main__":
    run(main)
