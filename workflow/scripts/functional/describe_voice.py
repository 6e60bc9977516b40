"""Take statistics of a speech encoder's layers over the windows of one split's voices.

In: tracks and voiced tables, FLAC tracks. Out: the table voice_statistics, a row for each window of each sample that
has sound.
"""

from pathlib import Path

from abaw.acoustic.encoders.loading import licence_of
from abaw.commands.base import add_task, parser, run, settings_from
from abaw.config import ComputeConfig, VoiceStatisticsConfig
from abaw.functional.ear import Ear, describe_samples
from abaw.nn import runtime
from abaw.speech.audio import made_by
from abaw.tables.files import read_table, read_tables, write_table


def main() -> None:
    """Parse the arguments, listen, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--settings", type=settings_from(VoiceStatisticsConfig), required=True)
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    arguments.add_argument("--audio", type=Path, nargs="+", required=True)
    arguments.add_argument("--voiced", type=Path, nargs="+", required=True)
    for name in ("tracks", "output"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    args = arguments.parse_args()

    ear = Ear.of(args.settings, runtime.start(args.compute, seed=0))
    audio = {path.stem: path for path in args.audio}
    rows = read_table("tracks", args.tracks, ["sample", "video"]).to_pylist()
    tracks = {row["sample"]: audio[row["video"]] for row in rows}
    table = describe_samples(ear, tracks, read_tables("voiced", args.voiced))
    made = ", ".join(sorted({made_by(path) for path in args.audio}))
    licence = licence_of(args.settings.encoder)
    remarks = {"encoder": args.settings.encoder, "encoder_licence": licence, "audio": made}
    write_table("voice_statistics", table, args.output, remarks)
    print(f"{len(table)} windows by {args.settings.encoder}, licence: {licence}; {args.output}")


if __name__ == "__main__":
    run(main)
