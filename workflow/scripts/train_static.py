"""Fine-tune the frame-level model on the face crops of the training split.

In: faces and tracks tables and labels. Out: weights (safetensors), their card (JSON) and the history (CSV).
"""

import argparse
from pathlib import Path

import pyarrow as pa
from _command import parser, run, settings_from
from _training import add_training_arguments, resume_of, write_training

from abaw.config import StaticConfig
from abaw.errors import UserError
from abaw.nn import runtime
from abaw.nn.crops import LabelledCrops
from abaw.nn.static_training import train_static
from abaw.tables import labels, read_table, read_tables


def labelled_crops(args: argparse.Namespace, tracks: Path, truth: pa.Table, every_nth: int) -> LabelledCrops:
    """The crops of one split; `UserError` where there is nothing to learn from or to choose by."""
    samples = read_table("tracks", tracks)["sample"].to_pylist()
    crops = LabelledCrops(args.task, args.faces, samples, truth, every_nth)
    if not len(crops):
        raise UserError(f"no analysed frame of the tracks in {tracks} has both a face and a label of {args.task}")
    return crops


def main() -> None:
    """Parse the arguments, train, write."""
    arguments = parser(__doc__)
    add_training_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(StaticConfig), required=True)
    arguments.add_argument("--tracks", type=Path, nargs=2, required=True, help="training, validation")
    arguments.add_argument("--faces", type=Path, nargs="+", required=True)
    args = arguments.parse_args()

    device = runtime.start(args.compute, args.seed)
    truth = read_tables(labels(args.task), args.labels)
    train, val = (
        labelled_crops(args, tracks, truth, every_nth)
        for tracks, every_nth in zip(args.tracks, (args.settings.every_nth, 1), strict=True)
    )
    resume = resume_of(args)
    model, spec, history = train_static(args.task, train, val, args.settings, args.seed, device, resume)
    write_training(args, model, history, spec.as_card(), len(train), resume)


if __name__ == "__main__":
    run(main)
