"""Write one system's submission to a challenge: predictions.txt in the organisers' form.

In: the organisers' template and the frames table of the test split; the samples that were skipped because their video
cannot be read, whose rows get the prior of the training labels. Out: the text, only where it matches the template row
by row; the same input gives the same bytes.
"""

import pyarrow as pa

from abaw.commands.base import add_task, parser, run
from abaw.corpus.template import read_template, template_rows
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.submission import check_predictions, predictions_text, prior_frames
from abaw.tables.files import read_table
from abaw.tables.schemas import frames, labels


def main() -> None:
    """Read, make the text, check it, write it."""
    command = parser(__doc__)
    add_task(command)
    command.add_argument("--template", required=True, help="the organisers' *_test_set_sample.txt or _example.txt")
    command.add_argument("--frames", required=True, help="Parquet table of the test split's frames")
    command.add_argument("--skipped", nargs="*", default=[], help="samples without predictions")
    command.add_argument("--labels", required=True, help="Parquet table of the training split's labels")
    command.add_argument("--output", required=True, help="text file to write")
    args = command.parse_args()

    locations = read_template(args.template, args.task)
    rows = template_rows(locations)
    table = read_table(frames(args.task), args.frames)
    if args.skipped:
        skipped = {sample: rows[sample] for sample in args.skipped}
        table = pa.concat_tables([table, prior_frames(args.task, skipped, read_table(labels(args.task), args.labels))])
    try:
        text = predictions_text(args.task, locations, table)
        check_predictions(text, locations, args.task)
    except UserError as error:
        raise UserError(f"{args.frames} does not match {args.template}: {error}") from error
    with whole_file(args.output) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")
    print(f"{args.output}: {len(locations)} rows of {len(rows)} samples")


if __name__ == "__main__":
    run(main)
