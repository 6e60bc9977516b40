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
from abaw.nn import checkpoint, runtime
from abaw.running.errors import UserError
from abaw.static.crops import Crops, labelled_crops
from abaw.static.training import train_static
from abaw.tables.files import read_table, read_tables
from abaw.tables.provenance import FRAMES_MODEL, trained
from abaw.tables.schemas import labels


def crops_of(args: argparse.Namespace, tracks: Path, truth: pa.Table, every_nth: int) -> Crops:
    """The crops of one split; `UserError` where there is nothing to learn from or to choose by."""
    samples = read_table("tracks", tracks)["sample"].to_pylist()
    crops = labelled_crops(args.task, args.faces, samples, truth, every_nth)
    if not len(crops):
        raise UserError(f"no analysed frame of the tracks in {tracks} has both a face and a label of {args.task}")
    return crops


def main() -> None:
    """Parse the arguments, train, write."""
    arguments = parser(__doc__)
    add_training_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(FineTuningConfig), required=True)
    arguments.add_argument("--tracks", type=Path, nargs=2, required=True, help="training, validation")
    arguments.add_argument("--faces", type=Path, nargs="+", required=True)
    arguments.add_argument("--pretrained", type=Path, nargs="*", default=[], help="weights and card to start from")
    args = arguments.parse_args()

    device = runtime.start(args.compute, args.seed)
    truth = read_tables(labels(args.task), args.labels)
    train, val = (
        crops_of(args, tracks, truth, every_nth)
        for tracks, every_nth in zip(args.tracks, (args.settings.every_nth, 1), strict=True)
    )
    resume = resume_of(args)
    start = tuple(args.pretrained) or None
    model, spec, history = train_static(train, val, args.settings, args.seed, device, resume, start)
    card = spec.as_card() | {"pretrained_sha256": start and checkpoint.read_card(start[1])["sha256"]}
    card["fitted_on"] = trained(FRAMES_MODEL)
    write_training(args, model, history, card, len(train), resume)


if __name__ == "__main__":
    run(main)
