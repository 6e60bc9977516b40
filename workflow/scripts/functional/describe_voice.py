"""Take statistics of a speech encoder's layers over the windows of one split's voices.

In: tracks and voiced tables, FLAC tracks. Out: the table voice_statistics, a row for each window of each sample that
has sound.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from abaw.acoustic.encoders.loading import licence_of
from abaw.commands.base import parser, run, settings_from
from abaw.config import ComputeConfig, VoiceStatisticsConfig
from abaw.functional.ear import Ear
from abaw.nn import runtime
from abaw.speech.audio import made_by, read_flac
from abaw.tables.arrays import runs_of
from abaw.tables.files import read_table, read_tables, write_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS


def main() -> None:
    """Parse the arguments, listen, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--task", choices=TASKS, required=True)
    arguments.add_argument("--settings", type=settings_from(VoiceStatisticsConfig), required=True)
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    arguments.add_argument("--audio", type=Path, nargs="+", required=True)
    arguments.add_argument("--voiced", type=Path, nargs="+", required=True)
    for name in ("tracks", "output"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    args = arguments.parse_args()

    schema = SCHEMAS["voice_statistics"]
    table = pa.concat_tables([schema.empty_table(), *described(args)])
    made = ", ".join(sorted({made_by(path) for path in args.audio}))
    licence = licence_of(args.settings.encoder)
    remarks = {"encoder": args.settings.encoder, "encoder_licence": licence, "audio": made}
    write_table("voice_statistics", table, args.output, remarks)
    print(f"{len(table)} windows by {args.settings.encoder}, licence: {licence}; {args.output}")


def described(args: argparse.Namespace) -> Iterator[pa.Table]:
    """The table of each sample that has sound."""
    ear = Ear.of(args.settings, runtime.start(args.compute, seed=0))
    audio = {path.stem: path for path in args.audio}
    voiced = read_tables("voiced", args.voiced)
    for row in tqdm(read_table("tracks", args.tracks).to_pylist(), "samples", disable=None):
        track = read_flac(audio[row["video"]])
        if row["has_audio"] and len(track):
            found = ear.statistics(row["sample"], track, runs_of(voiced, row["sample"]))
            yield found.cast(SCHEMAS["voice_statistics"])


if __name__ == "__main__":
    run(main)
