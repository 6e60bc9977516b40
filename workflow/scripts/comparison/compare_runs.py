"""Set finished runs side by side.

In: the folders in which they ran. Out: a folder with a page and CSV files: what differs in the configurations, all
scores, the first run paired with each of the others, what they cost, and all of it in one long form.
"""

from pathlib import Path

from abaw.commands.base import parser, run
from abaw.comparison.opening import open_runs
from abaw.comparison.runs import config_rows, cost_rows, paired_rows, score_rows_of
from abaw.comparison.tracking import tracked_rows, write_rows
from abaw.report.page import render
from abaw.report.scores import Resampling
from abaw.running.files import whole_file
from abaw.tasks import TASKS


def main() -> None:
    """Read, compare, write."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--runs",
        nargs="*",
        required=True,
        help="folders, CSV files in long form, or MLflow's stores; the first run is compared with each other",
    )
    arguments.add_argument("--template", type=Path, required=True)
    arguments.add_argument("--resamples", type=int, required=True)
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--page", type=Path, required=True)
    for name in ("config", "scores", "paired", "cost", "tracked"):
        arguments.add_argument(f"--{name}", type=Path, required=True, help="CSV to write")
    args = arguments.parse_args()

    runs = open_runs(args.runs)
    tables = {
        "config": config_rows(runs),
        "scores": score_rows_of(runs),
        "paired": paired_rows(runs, Resampling(args.resamples, args.seed)),
        "cost": cost_rows(runs),
        "tracked": tracked_rows(runs),
    }
    for name, rows in tables.items():
        write_rows(rows, getattr(args, name))
    measures = {task.challenge_measure for task in TASKS.values()}
    shown = tables | {"scores": [row for row in tables["scores"] if row["measure"] in measures]}
    del shown["tracked"]
    values = {"runs": [each.name for each in runs], "resamples": args.resamples, "tables": shown}
    with whole_file(args.page) as beside:
        text = render(args.template.read_text(encoding="utf-8"), values)
        beside.write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(runs)} runs, {len(tables['paired'])} pairs: {args.page}")


if __name__ == "__main__":
    run(main)
