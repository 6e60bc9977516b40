"""Export finished runs for programs that track experiments.

In: the folders in which they ran. Out: MLflow's file store, a run each, and a CSV in long form.
"""

from pathlib import Path

from abaw.commands.base import parser, run
from abaw.comparison.mlflow import write_store
from abaw.comparison.opening import open_runs
from abaw.comparison.tracking import tracked_rows, write_rows


def main() -> None:
    """Read, write."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--runs", nargs="+", required=True, help="folders, CSV files in long form, or MLflow's stores"
    )
    arguments.add_argument(
        "--store", type=Path, required=True, help="folder to write, in the place of any that is there"
    )
    arguments.add_argument("--tracked", type=Path, required=True, help="CSV to write")
    args = arguments.parse_args()

    runs = open_runs(args.runs, least=1)
    write_store(runs, args.store)
    write_rows(tracked_rows(runs), args.tracked)
    print(f"{len(runs)} runs: {args.store}, {args.tracked}")


if __name__ == "__main__":
    run(main)
