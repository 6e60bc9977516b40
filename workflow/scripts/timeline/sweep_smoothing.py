"""Score several widths of smoothing for one model on validation.

In: the model's predictions of validation, tracks and labels. Out: a CSV with the scores of each width in order; the
paper's is marked, and so is the best by the challenge measure, the smallest of equals.
"""

import csv
from pathlib import Path

from abaw import metrics
from abaw.commands.base import parser, run, settings_from
from abaw.config import TimelineConfig
from abaw.running.files import whole_file
from abaw.tables.arrays import matrix, truth_at
from abaw.tables.files import read_metadata, read_table
from abaw.tables.provenance import also_chosen
from abaw.tables.schemas import labels, predictions
from abaw.tasks import TASKS
from abaw.timeline.alignment import frames_of
from abaw.timeline.rows import rows_of

PAPER_S = 0.5


def main() -> None:
    """Parse the arguments, score each width, write."""
    command = parser(__doc__)
    command.add_argument("--task", required=True, choices=list(TASKS))
    command.add_argument("--settings", required=True, type=settings_from(TimelineConfig))
    for name in ("predictions", "tracks", "labels", "output"):
        command.add_argument(f"--{name}", required=True, type=Path)
    args = command.parse_args()

    table = read_table(predictions(args.task), args.predictions)
    rows = rows_of(read_table("tracks", args.tracks))
    truth = read_table(labels(args.task), args.labels)
    widths = sorted({*args.settings.sweep_s, args.settings.smoothing_s})
    found = []
    for width in widths:
        aligned = frames_of(args.task, table, rows, width, args.settings.smoothed)
        outputs = matrix(aligned, TASKS[args.task].outputs)
        found.append(metrics.score(args.task, truth_at(args.task, aligned, truth), outputs))
    measure = TASKS[args.task].challenge_measure
    best = max(range(len(widths)), key=lambda number: found[number][measure])
    fitted_on = also_chosen(read_metadata(args.predictions)["fitted_on"], "width")
    with whole_file(args.output) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        lines = csv.writer(handle, lineterminator="\n")
        lines.writerow(("smoothing_s", *found[0], "paper", "best", "fitted_on"))
        for number, (width, scores) in enumerate(zip(widths, found, strict=True)):
            values = [f"{value:.4f}" for value in scores.values()]
            lines.writerow((width, *values, int(width == PAPER_S), int(number == best), fitted_on))
    print(f"{len(widths)} widths, {widths[best]} s is best ({measure} {found[best][measure]:.3f}): {args.output}")


if __name__ == "__main__":
    run(main)
