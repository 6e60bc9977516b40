"""Write the submission of one challenge: predictions.txt in the organisers' form, zipped.

In: the organisers' template and the frames table of the test split; the samples that were skipped because their video
cannot be read, whose rows get the prior of the training labels. Out: a zip with predictions.txt, only where it matches
the template row by row; the same input gives the same bytes.
"""

import pyarrow as pa
from _command import parser, run

from abaw.errors import UserError
from abaw.submission import check_predictions, predictions_text, prior_frames, read_template, template_rows, write_zip
from abaw.tables import frames, labels, read_table
from abaw.tasks import TASKS


def main() -> None:
    """Read, write the text, check it, zip it."""
    command = parser(__doc__)
    command.add_argument("--task", required=True, choices=list(TASKS))
    command.add_argument("--template", required=True, help="the organisers' *_test_set_sample.txt or _example.txt")
    command.add_argument("--frames", required=True, help="Parquet table of the test split's frames")
    command.add_argument("--skipped", nargs="*", default=[], help="samples without predictions")
    command.add_argument("--labels", required=True, help="Parquet table of the training split's labels")
    command.add_argument("--output", required=True, help="zip to write")
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
    write_zip(args.output, {"predictions.txt": text})
    print(f"{args.output}: predictions.txt with {len(locations)} rows of {len(rows)} samples")


if __name__ == "__main__":
    run(main)
