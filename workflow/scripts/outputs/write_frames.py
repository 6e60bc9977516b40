"""Write the per-frame table of a video as CSV.

In: a table people. Out: the same rows and columns as CSV.
"""

from abaw.commands.base import parser, run
from abaw.commands.outputs import add_output_arguments
from abaw.outputs.text import write_csv
from abaw.tables.files import read_table


def main() -> None:
    """Parse the arguments, read, write."""
    arguments = parser(__doc__)
    add_output_arguments(arguments, video=False)
    args = arguments.parse_args()
    table = read_table("people", args.frames)
    write_csv(table, args.out)
    print(f"{len(table)} rows written to {args.out}")


if __name__ == "__main__":
    run(main)
