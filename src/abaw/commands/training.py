"""What the training commands share: their arguments, and the three files that they write."""

import argparse
import hashlib
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

import abaw
from abaw.commands.base import add_task, settings_from
from abaw.config import ComputeConfig
from abaw.nn import checkpoint
from abaw.nn.parallel import team
from abaw.nn.resume import Resume
from abaw.nn.training import History
from abaw.running.imports import digest_behind
from abaw.weights.cards import git_commit


def add_training_arguments(
    arguments: argparse.ArgumentParser, of_one_task: bool = True, nargs: str | None = None
) -> None:
    """Seed, compute and the outputs that all write; of a training for one task that, and the labels that it reads.

    `nargs` says how many there are of each output, where several models train together.
    """
    if of_one_task:
        add_task(arguments)
        arguments.add_argument("--labels", type=Path, nargs="+", required=True, help="labels of both splits")
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    arguments.add_argument("--weights", type=Path, nargs=nargs, required=True, help="output, safetensors")
    arguments.add_argument("--card", type=Path, nargs=nargs, required=True, help="output, JSON")
    arguments.add_argument("--history", type=Path, nargs=nargs, required=True, help="output, CSV")


def resume_of(args: argparse.Namespace) -> Resume:
    """The state of this very training, kept beside its weights: same arguments, same files, same code, same torch."""
    digest = hashlib.sha256(torch.__version__.encode())
    if team().size > 1:
        digest.update(f"in {team().size} processes\n".encode())
    made = {args.weights, args.card, args.history, *(getattr(args, name, None) for name in ("scored", "candidates"))}
    for name, value in sorted(vars(args).items()):
        if name == "threads":  # those that decode pictures, which change no result
            continue
        values = value if isinstance(value, list) else [value]
        digest.update(f"{name}={[str(item) for item in values]}\n".encode())
        for path in values:
            if isinstance(path, Path) and path not in made:
                digest.update(checkpoint.sha256_of(path).encode())
    digest.update(digest_behind(Path(sys.argv[0]), Path(abaw.__file__).parents[1]).encode())
    return Resume(args.weights.with_name("resume.pt"), digest.hexdigest())


def write_training(
    args: argparse.Namespace,
    model: nn.Module,
    history: History,
    card: Mapping[str, Any],
    items: int,
    resume: Resume,
    given: Collection[str] = (),
) -> None:
    """Write weights, card and history, forget where the training stood, and say what was reached.

    In a team (`abaw.nn.parallel`) the first process does that alone. `given` are the tensors that the weights leave out
    (`abaw.nn.checkpoint.save`).
    """
    if not team().first:
        return
    kept = history.epochs[history.best_epoch - 1]
    about = {
        "task": getattr(args, "task", None),
        "seed": args.seed,
        "training_items": items,
        "best_epoch": history.best_epoch,
        "git_commit": git_commit(),
        "validation": kept,
        "settings": args.settings.model_dump(),
    }
    history.write(args.history)
    checkpoint.save(model, {**card, **about}, args.weights, args.card, given)
    resume.clear()
    reached = f"{history.measure} {kept[history.measure]:.3f} on val"
    print(f"{items} items, epoch {history.best_epoch} of {len(history.epochs)}: {reached}")
    print(f"weights: {args.weights}")
