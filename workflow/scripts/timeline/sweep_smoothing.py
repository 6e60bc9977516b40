"""Score several filters and widths of smoothing for one model on validation.

In: the model's predictions of validation, tracks and labels. Out: a CSV with the scores of each in order; the paper's
is marked, and so is the best by the challenge measure, of all rows or as a mean over folds; the shortest of equals.
"""

import csv
from pathlib import Path

from tqdm import tqdm

from abaw import metrics
from abaw.commands.base import add_task, parser, run, settings_from
from abaw.config import TimelineConfig
from abaw.running.files import whole_file
from abaw.tables.arrays import matrix, truth_at, videos_of
from abaw.tables.files import read_metadata, read_table
from abaw.tables.folds import fold_of_rows
from abaw.tables.provenance import also_chosen
from abaw.tables.schemas import labels, predictions
from abaw.tasks import TASKS
from abaw.timeline.alignment import frames_of
from abaw.timeline.filters import Smoothing
from abaw.timeline.rows import rows_of
from abaw.timeline.widths import FILTER, over_folds, smoothings

PAPER = Smoothing("hamming", 0.5)


def main() -> None:
    """Parse the arguments, score each width, write."""
    command = parser(__doc__)
    add_task(command)
    command.add_argument("--settings", required=True, type=settings_from(TimelineConfig))
    for name in ("predictions", "tracks", "labels", "output"):
        command.add_argument(f"--{name}", required=True, type=Path)
    command.add_argument("--folds", type=int, required=True, help="of videos, where the best is chosen over folds")
    args = command.parse_args()

    table = read_table(predictions(args.task), args.predictions)
    tracks = read_table("tracks", args.tracks)
    rows = rows_of(tracks)
    truth = read_table(labels(args.task), args.labels)
    tried, chosen_over_folds = smoothings(args.settings), args.settings.width == "folds"
    measure = TASKS[args.task].challenge_measure
    found, decides, fold = [], [], None
    for smoothing in tqdm(tried, "smoothings", disable=None):
        aligned = frames_of(args.task, table, rows, smoothing.width_s, args.settings.smoothed, smoothing.kind)
        outputs, known = matrix(aligned, TASKS[args.task].outputs), truth_at(args.task, aligned, truth)
        found.append(metrics.score(args.task, known, outputs))
        decides.append(found[-1][measure])
        if chosen_over_folds:
            fold = fold_of_rows(videos_of(aligned, tracks), known, args.folds) if fold is None else fold
            decides[-1] = over_folds(args.task, known, outputs, fold)
    best = decides.index(max(decides))
    fitted_on = also_chosen(read_metadata(args.predictions)["fitted_on"], "width")
    with whole_file(args.output) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        lines = csv.writer(handle, lineterminator="\n")
        # Columns that say nothing are left out: all are Hamming windows, all rows count together.
        named, over = bool({args.settings.filter, *args.settings.sweep_filters} - {"hamming"}), chosen_over_folds
        more = ([FILTER] if named else []) + (["over_folds"] if over else [])
        lines.writerow(("smoothing_s", *more, *found[0], "paper", "best", "fitted_on"))
        for number, (smoothing, scores) in enumerate(zip(tried, found, strict=True)):
            also = ([smoothing.kind] if named else []) + ([f"{decides[number]:.4f}"] if over else [])
            values = [f"{value:.4f}" for value in scores.values()]
            paper = int(smoothing == PAPER)
            lines.writerow((smoothing.width_s, *also, *values, paper, int(number == best), fitted_on))
    said = f"{tried[best].kind} of {tried[best].width_s} s is best ({measure} {found[best][measure]:.3f})"
    print(f"{len(tried)} smoothings, {said}: {args.output}")


if __name__ == "__main__":
    run(main)
