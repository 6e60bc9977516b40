"""What the choosing commands share: which of several trained networks is best on validation, and its files copied."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from abaw.commands.base import add_task
from abaw.running.files import whole_file
from abaw.tables.provenance import also_chosen
from abaw.tasks import TASKS
from abaw.weights.cards import Card, read_card, write_card

KINDS = ("weights", "card", "history")


def add_choosing_arguments(arguments: argparse.ArgumentParser, kinds: Sequence[str] = KINDS) -> None:
    """Task, the files of every cell in one order, and where those of the best go."""
    add_task(arguments)
    for kind in kinds:
        arguments.add_argument(f"--{kind}", type=Path, nargs="+", required=True, help="of every cell")
        arguments.add_argument(f"--output-{kind}", type=Path, required=True, help="of the best cell")


def copy_best(args: argparse.Namespace, *chosen: str, kinds: Sequence[str] = KINDS) -> tuple[list[Card], int]:
    """Copy the files of the cell with the best challenge measure, the first of equals: all cards, and its number.

    Where there are several cells the copied card says that `chosen` was chosen on validation, too.
    """
    measure = TASKS[args.task].challenge_measure
    cards = [read_card(path) for path in args.card]
    values = [card["validation"][measure] for card in cards]
    best = values.index(max(values))
    if len(cards) > 1:
        for card in cards:
            card["fitted_on"] = also_chosen(card["fitted_on"], *chosen)
    for kind in kinds:
        if kind == "card":
            write_card(cards[best], args.output_card)
            continue
        with whole_file(getattr(args, f"output_{kind}")) as beside:
            beside.write_bytes(getattr(args, kind)[best].read_bytes())
    return cards, best
