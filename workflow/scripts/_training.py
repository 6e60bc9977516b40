"""What the training commands share: their arguments, and the three files that they write."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _command import settings_from
from torch import nn

from abaw.config import ComputeConfig
from abaw.nn import checkpoint
from abaw.nn.training import History
from abaw.tasks import TASKS


def add_training_arguments(arguments: argparse.ArgumentParser) -> None:
    """Task, seed, compute, the labels that all read, and the outputs that all write."""
    arguments.add_argument("--task", choices=TASKS, required=True)
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    arguments.add_argument("--labels", type=Path, nargs="+", required=True, help="labels of both splits")
    arguments.add_argument("--weights", type=Path, required=True, help="output, safetensors")
    arguments.add_argument("--card", type=Path, required=True, help="output, JSON")
    arguments.add_argument("--history", type=Path, required=True, help="output, CSV")


def write_training(
    args: argparse.Namespace, model: nn.Module, history: History, card: Mapping[str, Any], items: int
) -> None:
    """Write weights, card and history, and say what was reached."""
    kept = history.epochs[history.best_epoch - 1]
    about = {
        "task": args.task,
        "seed": args.seed,
        "training_items": items,
        "best_epoch": history.best_epoch,
        "validation": kept,
        "settings": args.settings.model_dump(),
    }
    history.write(args.history)
    checkpoint.save(model, {**card, **about}, args.weights, args.card)
    measure = TASKS[args.task].challenge_measure
    print(f"{items} items, epoch {history.best_epoch} of {len(history.epochs)}: {measure} {kept[measure]:.3f} on val")
    print(f"weights: {args.weights}")
