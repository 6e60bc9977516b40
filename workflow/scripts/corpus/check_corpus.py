"""Check that the corpus holds together, before anything is computed: labels are read, videos are only probed.

In: the folders that the corpus section names. Out: a CSV of problems and remedies, and a page with them and with the
counts of every split. What would stop a run is told in a sentence each, and then nothing is written.
"""

import csv
from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.config import CorpusConfig
from abaw.corpus.check import PROBLEM_COLUMNS, check_corpus
from abaw.corpus.page import corpus_page
from abaw.running.files import whole_file


def main() -> None:
    """Parse the arguments, check, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--corpus", type=settings_from(CorpusConfig), required=True)
    arguments.add_argument("--problems", type=Path, required=True, help="output")
    arguments.add_argument("--page", type=Path, required=True, help="output")
    args = arguments.parse_args()

    check = check_corpus(args.corpus)
    with whole_file(args.problems) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, PROBLEM_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(check.problems)
    with whole_file(args.page) as beside:
        beside.write_text(corpus_page(check), encoding="utf-8")
    for count in check.counts:
        beside_it = ", ".join(f"{number} {column}" for column, number in count.published.items())
        numbers = ", ".join(f"{number} {column}" for column, number in count.found.items())
        print(f"{count.task} {count.split}: {numbers}" + (f" (published: {beside_it})" if beside_it else ""))
    print(f"{len(check.problems)} problems, none of which stops a run: {args.page}")


if __name__ == "__main__":
    run(main)
