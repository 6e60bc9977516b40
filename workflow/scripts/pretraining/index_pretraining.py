"""Read the labels of the pre-training corpora that are present into one table; no image is opened.

In: the folders that the pretraining section names. Out: the table pretraining.
"""

from pathlib import Path

import pyarrow.compute as pc

from abaw.commands.base import parser, run, settings_from
from abaw.config import PretrainingConfig
from abaw.pretraining.registry import read_corpora
from abaw.tables.files import write_table


def main() -> None:
    """Parse the arguments, read, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--settings", type=settings_from(PretrainingConfig), required=True, metavar="JSON")
    arguments.add_argument("--output", type=Path, required=True)
    options = arguments.parse_args()

    table = read_corpora(options.settings)
    write_table("pretraining", table, options.output)
    counts = table.group_by(["corpus", "split"], use_threads=False).aggregate([([], "count_all")])
    for row in counts.to_pylist():
        print(f"{row['corpus']} {row['split']}: {row['count_all']} items")
    with_va, with_class = (pc.count(table[name]) for name in ("valence", "expression"))
    print(f"{len(table)} items, {with_va} with valence, {with_class} with an expression: {options.output}")


if __name__ == "__main__":
    run(main)
