"""Fit kernel ELMs on functionals of the training split's embeddings, and keep the best on validation.

In: embeddings of training and validation, labels. Out: weights (safetensors), their card (JSON), every combination that
was tried (CSV), the table scored of the windows of validation, with the outputs of the best of each set, and truth, and
the table candidates: what each combination says of them.
"""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa

from abaw.commands.base import parser, run, settings_from
from abaw.config import FunctionalConfig
from abaw.functional.model import Cell, Windows, about, choose, save_model
from abaw.running.files import whole_file
from abaw.tables.arrays import candidates_table, scored_table
from abaw.tables.files import read_table, read_tables, write_table
from abaw.tables.priors import label_prior
from abaw.tables.provenance import chosen_behind, trained
from abaw.tables.schemas import candidates, labels, scored
from abaw.tasks import TASKS
from abaw.weights.cards import git_commit, write_card
from abaw.weights.manifest import sha256_of


def main() -> None:
    """Parse the arguments, fit, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--task", choices=TASKS, required=True)
    arguments.add_argument("--settings", type=settings_from(FunctionalConfig), required=True)
    for name in ("train", "val", "weights", "card", "grid", "scored", "candidates"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--labels", type=Path, nargs="+", required=True, help="labels of both splits")
    args = arguments.parse_args()

    truth = read_tables(labels(args.task), args.labels)
    train, val = (
        Windows.of(args.task, read_table("embeddings", path), truth, args.settings) for path in (args.train, args.val)
    )
    fitted_on = trained(*chosen_behind(args.train), "functionals", "kernel", "C")
    choice = choose(args.task, train, val, args.settings)
    best, measure = choice.cells[choice.chosen], TASKS[args.task].challenge_measure
    save_model(choice.best, args.weights)
    prior = label_prior(args.task, train.labels if args.task == "va" else train.labels[:, 0])
    card = {"task": args.task, "prior": prior, "c": best.c, "training_items": len(train.labels)}
    card |= {
        "fitted_on": fitted_on,
        "validation": best.scores,
        "sha256": sha256_of(args.weights),
        "git_commit": git_commit(),
    }
    write_card(card | about(choice.best), args.card)
    write_grid(args.grid, choice.cells, choice.chosen, fitted_on)
    spans = val.samples, val.statistics.start_s, val.statistics.end_s
    tables = [
        scored_table(
            args.task, ", ".join(model.functionals), *spans, model.outputs(args.task, val.statistics), val.labels
        )
        for model, _ in choice.best_of_sets
    ]
    write_table(scored(args.task), pa.concat_tables(tables), args.scored, {"fitted_on": fitted_on})
    outputs = np.stack([cell.outputs for cell in choice.cells])
    table = candidates_table(*spans, outputs, val.labels, args.task)
    write_table(candidates(args.task), table, args.candidates, {"fitted_on": fitted_on})
    print(f"{len(choice.cells)} combinations; {', '.join(best.functionals)}, {best.kernel}, C = {best.c:g}: {measure}")
    print(f"{best.scores[measure]:.3f} on the windows of val; weights: {args.weights}")


def write_grid(path: Path, cells: list[Cell], chosen: int, fitted_on: str) -> None:
    """Every combination, a row each."""
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        lines = csv.writer(handle, lineterminator="\n")
        lines.writerow(("functionals", "kernel", "c", *cells[0].scores, "chosen", "fitted_on"))
        for number, cell in enumerate(cells):
            values = [f"{value:.4f}" for value in cell.scores.values()]
            lines.writerow((" ".join(cell.functionals), cell.kernel, cell.c, *values, int(number == chosen), fitted_on))


if __name__ == "__main__":
    run(main)
