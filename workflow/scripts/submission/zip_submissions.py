"""Put the submissions of all systems of one challenge into one archive.

In: the systems' texts, with the systems' names in the same order, and the organisers' template, with which each text is
compared once more. Out: a zip with `{system}/predictions.txt`; the same texts give the same bytes.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run
from abaw.corpus.template import read_template
from abaw.running.errors import UserError
from abaw.submission import check_predictions, write_zip


def main() -> None:
    """Read, check, zip."""
    command = parser(__doc__)
    add_task(command)
    command.add_argument("--template", required=True, help="the organisers' *_test_set_sample.txt or _example.txt")
    command.add_argument("--systems", required=True, nargs="+", help="names, in the order of --predictions")
    command.add_argument("--predictions", required=True, nargs="+", type=Path)
    command.add_argument("--output", required=True, help="zip to write")
    args = command.parse_args()

    locations = read_template(args.template, args.task)
    texts = {}
    for system, path in zip(args.systems, args.predictions, strict=True):
        text = path.read_bytes().decode()
        try:
            check_predictions(text, locations, args.task)
        except UserError as error:
            raise UserError(f"{path} does not match {args.template}: {error}") from error
        texts[f"{system}/predictions.txt"] = text
    write_zip(args.output, texts)
    print(f"{args.output}: {', '.join(texts)} with {len(locations)} rows each")


if __name__ == "__main__":
    run(main)
