"""What the commands of the functional models share: the model that was chosen, with its card, grid and candidates."""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

from abaw.commands.base import add_task, settings_from
from abaw.config import FunctionalConfig, VoiceFunctionalConfig
from abaw.functional.choosing import Cell, Choice
from abaw.functional.model import Windows, about, save_model
from abaw.running.files import whole_file
from abaw.tables.arrays import candidates_table
from abaw.tables.files import write_table
from abaw.tables.priors import label_prior
from abaw.tables.schemas import candidates
from abaw.tasks import TASKS
from abaw.weights.cards import git_commit, write_card
from abaw.weights.manifest import sha256_of

OUTPUTS = ("weights", "card", "grid", "candidates")


def add_functional_arguments(arguments: argparse.ArgumentParser, settings: type[Any], *paths: str) -> None:
    """Task, settings, labels of both splits, the outputs that both models write, and `paths` of their own."""
    add_task(arguments)
    arguments.add_argument("--settings", type=settings_from(settings), required=True)
    arguments.add_argument("--labels", type=Path, nargs="+", required=True, help="labels of both splits")
    for name in (*paths, *OUTPUTS):
        arguments.add_argument(f"--{name}", type=Path, required=True)


def chosen_parts(settings: FunctionalConfig | VoiceFunctionalConfig) -> list[str]:
    """What of a functional model validation chooses, in words: that of which several are tried."""
    tried = {"functionals": settings.sets, "scaling": settings.scalings, "kernel": settings.kernels}
    return [name for name, values in (tried | {"C": settings.regularisation}).items() if len(values) > 1]


def write_choice(args: argparse.Namespace, choice: Choice, train: Windows, val: Windows, card: dict[str, Any]) -> None:
    """Write weights, card, grid and candidates, and say what was chosen; `card` has what is particular to the model."""
    best, measure = choice.cells[choice.chosen], TASKS[args.task].challenge_measure
    save_model(choice.best, args.weights)
    prior = label_prior(args.task, train.labels[:, 0] if TASKS[args.task].kind == "classes" else train.labels)
    made = {"task": args.task, "prior": prior, "c": best.c, "training_items": len(train.labels)}
    made |= {"validation": best.scores, "sha256": sha256_of(args.weights), "git_commit": git_commit()}
    write_card(made | card | about(choice.best), args.card)
    _write_grid(args.grid, choice.cells, choice.chosen, card["fitted_on"])
    spans = val.samples, val.statistics.start_s, val.statistics.end_s
    outputs = np.stack([cell.outputs for cell in choice.cells])
    table = candidates_table(*spans, outputs, val.labels, args.task)
    write_table(candidates(args.task), table, args.candidates, {"fitted_on": card["fitted_on"]})
    chosen = f"{', '.join(best.functionals)}, {best.scaling}, {best.kernel}, C = {best.c:g}"
    print(f"{len(choice.cells)} combinations; {chosen}: {measure}")
    print(f"{best.scores[measure]:.3f} on the windows of val; weights: {args.weights}")


def _write_grid(path: Path, cells: list[Cell], chosen: int, fitted_on: str) -> None:
    """Every combination, a row each."""
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
        lines = csv.writer(handle, lineterminator="\n")
        lines.writerow(("functionals", "scaling", "kernel", "c", *cells[0].scores, "chosen", "fitted_on"))
        for number, cell in enumerate(cells):
            values = [f"{value:.4f}" for value in cell.scores.values()]
            form = " ".join(cell.functionals), cell.scaling, cell.kernel, cell.c
            lines.writerow((*form, *values, int(number == chosen), fitted_on))
