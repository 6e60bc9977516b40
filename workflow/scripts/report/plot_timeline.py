"""Plot truth and predictions of one validation sample over time.

In: frames tables of the systems, labels and tracks of the split. Out: a PNG of the sample with the most labelled rows.
"""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from abaw.commands.base import add_task, parser, run
from abaw.report.figures import save_figure, timeline_figure
from abaw.tables.arrays import labels_by_sample, matrix, truth_at
from abaw.tables.files import read_table
from abaw.tables.schemas import frames, labels
from abaw.tasks import TASKS
from abaw.timeline.rows import rows_of


def main() -> None:
    """Parse the arguments, choose the sample, plot."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--systems", nargs="+", required=True, help="names, in the order of --frames")
    arguments.add_argument("--frames", type=Path, nargs="+", required=True)
    arguments.add_argument("--labels", type=Path, required=True)
    arguments.add_argument("--tracks", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    annotations = read_table(labels(args.task), args.labels)
    known = {s: (~np.isnan(rows[:, 0])).sum() for s, rows in labels_by_sample(args.task, annotations).items()}
    sample = max(known, key=lambda name: known[name])
    chosen = pc.field("sample") == sample
    tables = [read_table(frames(args.task), path).filter(chosen) for path in args.frames]
    (rows,) = rows_of(read_table("tracks", args.tracks).filter(chosen))
    figure = timeline_figure(
        args.task,
        sample,
        rows.times_s(),
        truth_at(args.task, tables[0], annotations),
        {name: matrix(table, TASKS[args.task].outputs) for name, table in zip(args.systems, tables, strict=True)},
    )
    save_figure(figure, args.output)
    print(f"{sample}: {args.output}")


if __name__ == "__main__":
    run(main)
