"""One training loop for every network: AdamW, warm-up and cosine, the best epoch by the challenge measure kept."""

import csv
import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from abaw.config import TrainingConfig
from abaw.errors import UserError
from abaw.files import whole_file

Scores = dict[str, float]


@dataclass(frozen=True)
class History:
    """What a training did: one entry an epoch, and the epoch whose weights were kept (counted from 1)."""

    epochs: list[Scores]
    best_epoch: int

    def write(self, path: Path) -> None:
        """Write one CSV line an epoch, with a column `kept` that is 1 for the epoch whose weights were kept."""
        with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
            names = ["epoch", *self.epochs[0], "kept"]
            writer = csv.DictWriter(handle, names, lineterminator="\n")
            writer.writeheader()
            for number, scores in enumerate(self.epochs, start=1):
                values = {name: f"{value:.6f}" for name, value in scores.items()}
                writer.writerow({"epoch": number, **values, "kept": int(number == self.best_epoch)})


def fit(
    model: nn.Module,
    batch_loss: Callable[[Tensor], Tensor],
    n_items: int,
    evaluate: Callable[[], Scores],
    measure: str,
    settings: TrainingConfig,
    seed: int,
) -> History:
    """Train `model` in place and leave it with the weights of its best epoch.

    `batch_loss` maps the numbers of a batch's items (int64, on the CPU) to their loss; `evaluate` scores the model, in
    evaluation mode, on the validation split; `measure` names the score that chooses the epoch (the earliest of equals).
    Raises `UserError` where there are fewer than two items, or where the loss is not finite.
    """
    if n_items < 2:
        raise UserError(f"there are {n_items} labelled training items; training needs at least two")
    generator = torch.Generator().manual_seed(seed)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, settings.learning_rate, weight_decay=settings.weight_decay)
    total = settings.epochs * sum(1 for _ in _batches(torch.arange(n_items), settings.batch_size))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _warm_up_and_cosine(total, settings.warmup))
    epochs: list[Scores] = []
    best, best_state = 0, deepcopy(model.state_dict())
    for epoch in tqdm(range(1, settings.epochs + 1), desc="epochs", disable=None):
        model.train()
        losses = []
        for items in _batches(torch.randperm(n_items, generator=generator), settings.batch_size):
            loss = batch_loss(items)
            if not torch.isfinite(loss):
                raise UserError(
                    f"the loss became {loss.item()} in epoch {epoch}; a lower training.learning_rate than "
                    f"{settings.learning_rate} may help"
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        model.eval()
        with torch.inference_mode():
            scores = evaluate()
        epochs.append({"train_loss": sum(losses) / len(losses), **scores})
        if best == 0 or scores[measure] > epochs[best - 1][measure]:
            best, best_state = epoch, deepcopy(model.state_dict())
    model.load_state_dict(best_state)
    model.eval()
    return History(epochs, best)


def _batches(order: Tensor, size: int) -> Iterator[Tensor]:
    """Batches in order; a last one of a single item is left out, for batch normalisation needs two."""
    for batch in order.split(size):
        if len(batch) > 1:
            yield batch


def _warm_up_and_cosine(total: int, warmup: float) -> Callable[[int], float]:
    rising = max(1, round(total * warmup))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))

    return factor
