"""Find when the target speaker of each track of one video speaks, by the mouth, the voice or both.

In: the mouths of the video, in a table mouths or at the analysed frames in the table faces, and its voice where that is
asked for. Out: the table voiced.
"""

from pathlib import Path

import pyarrow as pa

from abaw.commands.base import parser, run, settings_from
from abaw.config import GateConfig
from abaw.speech.audio import read_blocks
from abaw.speech.gate import gated_runs
from abaw.tables.arrays import blocks, matrix
from abaw.tables.files import read_table, write_table
from abaw.tables.schemas import SCHEMAS


def main() -> None:
    """Parse the arguments, gate, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--kind", choices=["mouths", "faces"], required=True, help="of the table of mouths")
    arguments.add_argument("--mouths", type=Path, required=True)
    arguments.add_argument("--voice", type=Path, nargs="*", default=[], help="FLAC track, 16 kHz mono")
    arguments.add_argument("--settings", type=settings_from(GateConfig), required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    heard = None
    if args.settings.source != "mouth":
        from abaw.speech.vad import heard_runs  # torch loads only where it is needed

        [voice] = args.voice
        heard = heard_runs(block[0] for block in read_blocks(voice))
    mouths = read_table(args.kind, args.mouths, ["sample", "frame", "time_s", "mouth_opening", "mouth_area"])
    rows: list[dict[str, object]] = []
    for sample, block in blocks(mouths.sort_by([("sample", "ascending"), ("frame", "ascending")])):
        opening, area = matrix(block, ["mouth_opening", "mouth_area"]).T
        times_s = block["time_s"].to_numpy()
        runs = gated_runs(times_s, opening, area, args.settings, heard)
        rows.extend({"sample": sample, "run": n, "start_s": a, "end_s": b} for n, (a, b) in enumerate(runs))
        print(f"{sample}: {sum(b - a for a, b in runs):.1f} s of speech in {len(runs)} runs")
    write_table("voiced", pa.Table.from_pylist(rows, SCHEMAS["voiced"]), args.output)


if __name__ == "__main__":
    run(main)
