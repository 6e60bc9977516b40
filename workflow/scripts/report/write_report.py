"""Write the report of a run as one page of HTML that opens without a network.

In: the comparison with the paper, the scores, those of all folds or seeds together where there are any, the widths of
smoothing, what the forests tried, figures, and the page's template. Out: the page.
"""

import json
from pathlib import Path
from typing import Any

from compare_paper import read_csv
from pydantic import TypeAdapter

from abaw.commands.base import parser, run
from abaw.config import SystemConfig
from abaw.report.page import comparison, inline, render, shown, smoothing_tables, together_tables
from abaw.running.files import whole_file
from abaw.tables.provenance import FRAMES_MODEL
from abaw.tasks import TASKS


def main() -> None:
    """Parse the arguments, read, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--template", type=Path, required=True)
    arguments.add_argument("--corpus", required=True, help="what the corpus is, in words")
    arguments.add_argument("--edition", required=True, help="affwild2, or another")
    arguments.add_argument("--resamples", type=int, required=True)
    arguments.add_argument("--systems", type=TypeAdapter(dict[str, SystemConfig]).validate_json, required=True)
    for name in ("tables", "scores", "output"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--together", type=Path, nargs="*", default=[], help="scores of all folds, or of all seeds")
    arguments.add_argument("--smoothing", type=Path, nargs="+", required=True, help="one CSV a challenge and model")
    arguments.add_argument("--forests", type=Path, nargs="*", default=[], help="what fuse_forest wrote")
    arguments.add_argument("--figures", type=Path, nargs="+", required=True)
    arguments.add_argument("--titles", nargs="+", required=True, help="of the figures, in their order")
    args = arguments.parse_args()

    measures = {task.challenge_measure for task in TASKS.values()}
    scores = [row for row in read_csv(args.scores) if row["measure"] in measures]
    sweeps: list[Any] = [(path.parent.name, path.stem, read_csv(path)) for path in args.smoothing]
    forests = [json.loads(path.read_text(encoding="utf-8")) for path in args.forests]
    values = {
        "corpus": args.corpus,
        "affwild2": args.edition == "affwild2",
        "resamples": args.resamples,
        "tables": comparison(read_csv(args.tables), {name: system.title for name, system in args.systems.items()}),
        "epoch_left": any(FRAMES_MODEL in row["fitted_on"] for row in scores),
        "scores": [row | {"shown": shown(row["value"], row["low"], row["high"])} for row in scores],
        "together": together_tables((path.stem.removesuffix("_val"), read_csv(path)) for path in args.together),
        "smoothing": smoothing_tables(sweeps),
        "filters": any("filter" in rows[0] for _, _, rows in sweeps),
        "forests": [fit | {"title": TASKS[fit["task"]].title} for fit in forests],
        "figures": [
            {"title": title, "png": inline(path.read_bytes())}
            for title, path in zip(args.titles, args.figures, strict=True)
        ],
    }
    page = render(args.template.read_text(encoding="utf-8"), values)
    with whole_file(args.output) as beside:
        beside.write_text(page, encoding="utf-8", newline="\n")
    print(f"{len(args.figures)} figures, {len(scores)} scores: {args.output}")


if __name__ == "__main__":
    run(main)
