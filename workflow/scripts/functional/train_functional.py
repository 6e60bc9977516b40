"""Fit kernel ELMs on functionals of the training split's embeddings, and keep the best on validation.

In: embeddings of training and validation, labels. Out: weights (safetensors), their card (JSON), every combination that
was tried (CSV), the table scored of the windows of validation, with the outputs of the best of each set, and truth, and
the table candidates: what each combination says of them.
"""

from pathlib import Path

import pyarrow as pa

from abaw.commands.base import parser, run
from abaw.commands.functional import add_functional_arguments, chosen_parts, write_choice
from abaw.commands.predictions import read_embedded
from abaw.config import FunctionalConfig
from abaw.functional.choosing import choose
from abaw.functional.model import Windows
from abaw.tables.arrays import scored_table
from abaw.tables.files import read_tables, write_table
from abaw.tables.provenance import trained_from
from abaw.tables.schemas import labels, scored


def main() -> None:
    """Parse the arguments, fit, write."""
    arguments = parser(__doc__)
    add_functional_arguments(arguments, FunctionalConfig, "scored")
    for name in ("train", "val"):
        arguments.add_argument(f"--{name}", type=Path, nargs="+", required=True)
    args = arguments.parse_args()

    truth = read_tables(labels(args.task), args.labels)
    train, val = (Windows.of(args.task, read_embedded(paths), truth, args.settings) for paths in (args.train, args.val))
    choice = choose(args.task, train, val, args.settings)
    fitted_on = trained_from(args.train, *chosen_parts(args.settings))
    write_choice(args, choice, train, val, {"fitted_on": fitted_on})
    spans = val.samples, val.statistics.start_s, val.statistics.end_s
    tables = [
        scored_table(
            args.task, ", ".join(model.functionals), *spans, model.outputs(args.task, val.statistics), val.labels
        )
        for model, _ in choice.best_of_sets
    ]
    write_table(scored(args.task), pa.concat_tables(tables), args.scored, {"fitted_on": fitted_on})


if __name__ == "__main__":
    run(main)
