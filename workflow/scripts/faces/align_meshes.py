"""Bring the face meshes of a split to one place, size and roll, as features beside the faces' embeddings.

In: the tracks of the split, and the faces of its videos with the mesh's points. Out: the table features.
"""

from pathlib import Path

from abaw.commands.base import parser, run
from abaw.faces.mesh import mesh_features
from abaw.tables.files import read_table, write_table
from abaw.tables.provenance import trained


def main() -> None:
    """Parse the arguments, align, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--faces", type=Path, nargs="+", required=True, help="of the videos of the split")
    arguments.add_argument("--tracks", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    samples = read_table("tracks", args.tracks, ["sample"])["sample"].to_pylist()
    table = mesh_features(args.faces, samples)
    write_table("features", table, args.output, {"fitted_on": trained()})
    known = len(table) - table["embedding"].null_count
    print(f"meshes of {known} of {len(table)} frames of {len(samples)} samples: {args.output}")


if __name__ == "__main__":
    run(main)
