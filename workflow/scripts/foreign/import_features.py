"""Check the features of frames that others have made, and bring them to the analysed frames of a split.

In: a file of features for each sample, the tracks of the split, and the faces of its videos, which say which frames are
analysed. Out: the table features.
"""

from pathlib import Path

from tqdm import tqdm

from abaw.commands.base import parser, run, settings_from
from abaw.config.foreign import GivenEmbeddingConfig
from abaw.foreign.feature_files import by_sample
from abaw.foreign.features import features_table
from abaw.foreign.predictions import asked_of
from abaw.tables.arrays import rows_by_sample
from abaw.tables.files import read_table, read_tables, write_table
from abaw.tables.provenance import BROUGHT


def main() -> None:
    """Parse the arguments, check, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--given", type=Path, nargs="+", required=True, help="the files that were brought")
    arguments.add_argument("--tracks", type=Path, required=True)
    arguments.add_argument("--faces", type=Path, nargs="+", required=True, help="of the videos of the split")
    arguments.add_argument("--settings", type=settings_from(GivenEmbeddingConfig), required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    asked = asked_of(read_table("tracks", args.tracks))
    faces = read_tables("faces", args.faces, ["sample", "frame", "time_s"])
    rows = rows_by_sample(faces["sample"])  # those of two people in one video alternate
    frames = ((sample, faces.take(rows[sample])) for sample in tqdm(asked, "samples", disable=None))
    table = features_table(by_sample(args.given), frames, asked, args.settings.max_gap_s)
    write_table("features", table, args.output, {"fitted_on": BROUGHT})
    print(f"features of {len(table)} frames of {len(asked)} samples: {args.output}")


if __name__ == "__main__":
    run(main)
