"""Plot the confusion matrix of every model and system on the validation split of the expressions.

In: frames tables with their names, and labels. Out: a PNG.
"""

from pathlib import Path

from abaw import metrics
from abaw.commands.base import parser, run
from abaw.report.figures import confusion_figure, save_figure
from abaw.tables.arrays import matrix, truth_at
from abaw.tables.files import read_table
from abaw.tables.schemas import frames, labels
from abaw.tasks import TASKS


def main() -> None:
    """Parse the arguments, count, plot."""
    arguments = parser(__doc__)
    arguments.add_argument("--systems", nargs="+", required=True, help="names, in the order of --frames")
    arguments.add_argument("--frames", type=Path, nargs="+", required=True)
    arguments.add_argument("--labels", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    annotations = read_table(labels("expr"), args.labels)
    counts = {}
    for name, path in zip(args.systems, args.frames, strict=True):
        table = read_table(frames("expr"), path)
        truth = truth_at("expr", table, annotations)[:, 0]
        said = matrix(table, TASKS["expr"].outputs).argmax(axis=1)
        counts[name] = metrics.confusion(truth, said)
    save_figure(confusion_figure(counts), args.output)
    print(f"{len(counts)} systems: {args.output}")


if __name__ == "__main__":
    run(main)
