"""Train the acoustic models, side by side, on the voiced windows of the training split.

In: tracks and voiced tables, FLAC tracks, labels. Out, of each model: weights (safetensors), their card (JSON), the
history (CSV), the table scored of the windows of validation, with outputs and truth, and the table candidates: what
each epoch says of them, and of the whole tracks of validation.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abaw.acoustic.encoders.loading import licence_of
from abaw.acoustic.model import ARCHITECTURES
from abaw.acoustic.training import epoch_candidates, train_acoustic
from abaw.acoustic.voices import Voice, VoicedWindows
from abaw.commands.base import parser, run, settings_from
from abaw.commands.training import add_training_arguments, resume_of, write_training
from abaw.config import AcousticNetworkConfig
from abaw.nn import runtime
from abaw.speech.audio import read_flac
from abaw.tables.arrays import labels_by_sample, runs_of
from abaw.tables.files import read_table, read_tables, write_table
from abaw.tables.provenance import trained
from abaw.tables.schemas import candidates, labels, scored
from abaw.timeline.rows import rows_of

OUTPUTS = ("weights", "card", "history", "scored", "candidates")
"""Of each model."""


def heard_in(args: argparse.Namespace, tracks: Path) -> dict[str, NDArray[np.int16]]:
    """The whole 16 kHz track of each sample of a split; those of one video share theirs."""
    audio = {path.stem: path for path in args.audio}
    rows = read_table("tracks", tracks, ["sample", "video"]).to_pylist()
    read = {video: read_flac(audio[video]) for video in {row["video"] for row in rows}}
    return {row["sample"]: read[row["video"]] for row in rows}


def voices(args: argparse.Namespace, tracks: Path) -> Iterator[Voice]:
    """Each sample of a split that speaks, with its labels."""
    voiced = read_tables("voiced", args.voiced)
    truth = labels_by_sample(args.task, read_tables(labels(args.task), args.labels))
    audio = {path.stem: path for path in args.audio}
    table = read_table("tracks", tracks)
    for row, asked in zip(table.to_pylist(), rows_of(table), strict=True):
        runs = runs_of(voiced, row["sample"])
        track = read_flac(audio[row["video"]]) if row["has_audio"] and runs else np.empty(0, np.int16)
        if len(track):
            yield Voice(row["sample"], track, runs, truth[row["sample"]], asked.edges_s())


def of_each(args: argparse.Namespace) -> list[argparse.Namespace]:
    """The arguments of each model, with its own architecture and outputs."""
    shared = {name: value for name, value in vars(args).items() if name not in OUTPUTS}
    return [
        argparse.Namespace(**shared, architecture=name, **{output: getattr(args, output)[number] for output in OUTPUTS})
        for number, name in enumerate(args.architectures)
    ]


def main() -> None:
    """Parse the arguments, train, write."""
    arguments = parser(__doc__)
    add_training_arguments(arguments, nargs="+")
    arguments.add_argument("--settings", type=settings_from(AcousticNetworkConfig), required=True)
    arguments.add_argument("--tracks", type=Path, nargs=2, required=True, help="training, validation")
    arguments.add_argument("--voiced", type=Path, nargs="+", required=True)
    arguments.add_argument("--audio", type=Path, nargs="+", required=True)
    arguments.add_argument("--architectures", choices=ARCHITECTURES, nargs="+", required=True)
    arguments.add_argument("--scored", type=Path, nargs="+", required=True, help="output, Parquet")
    arguments.add_argument("--candidates", type=Path, nargs="+", required=True, help="output, Parquet")
    args = arguments.parse_args()

    device = runtime.start(args.compute, args.seed)
    train, val = (VoicedWindows.of(args.task, voices(args, tracks), args.settings) for tracks in args.tracks)
    print(f"{len(train)} training windows, {train.share_of_sound:.1%} of their seconds are sound of the track")
    heard = heard_in(args, args.tracks[1])
    each = of_each(args)
    resumes = [resume_of(one) for one in each]
    trained_models = train_acoustic(
        args.task, args.architectures, train, val, args.settings, args.seed, device, resumes, list(heard.values())
    )
    licence, fitted_on = licence_of(args.settings.encoder), trained(*args.settings.training.chosen_on_val)
    for one, resume, (model, history, table) in zip(each, resumes, trained_models, strict=True):
        write_table(scored(args.task), table, one.scored, {"fitted_on": fitted_on})
        said = epoch_candidates(args.task, val, heard, args.settings, history)
        write_table(candidates(args.task), said, one.candidates, {"fitted_on": fitted_on})
        card = {"architecture": one.architecture, "encoder": args.settings.encoder, "encoder_licence": licence}
        write_training(one, model, history, card | {"fitted_on": fitted_on}, len(train), resume, model.given)
    print(f"encoder: {args.settings.encoder}, licence: {licence}")


if __name__ == "__main__":
    run(main)
