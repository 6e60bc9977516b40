"""One training loop for every network: warm-up, schedule, the best epoch by the challenge measure kept, or the last."""

import csv
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import torch
from torch import Tensor, nn
from tqdm import tqdm

from abaw.config import TrainingConfig
from abaw.nn.attention import in_order
from abaw.nn.averaging import Averaged
from abaw.nn.optimisers import light
from abaw.nn.parallel import team
from abaw.nn.resume import Resume
from abaw.running.errors import UserError
from abaw.running.files import whole_file

Scores = dict[str, float]
Arguments = ParamSpec("Arguments")
FINITE_EVERY = 50
"""Steps after which the losses are read, to end a training whose loss is not finite; a GPU waits for each reading."""


@dataclass(frozen=True)
class History:
    """What a training did: one entry an epoch, the epoch whose weights were kept (from 1), and the measure of interest.

    Where the last epoch is kept, no other was measured. `outputs`, where they were asked for, are what the model of
    each epoch that was measured says of validation, (epochs, ...).
    """

    epochs: list[Scores]
    best_epoch: int
    measure: str
    outputs: Tensor | None = None

    def write(self, path: Path) -> None:
        """Write one CSV line an epoch, with a column `kept` that is 1 for the epoch whose weights were kept."""
        with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as handle:
            names = ["epoch", *self.epochs[self.best_epoch - 1], "kept"]
            writer = csv.DictWriter(handle, names, lineterminator="\n")
            writer.writeheader()
            for number, scores in enumerate(self.epochs, start=1):
                values = {name: f"{value:.6f}" for name, value in scores.items()}
                writer.writerow({"epoch": number, **values, "kept": int(number == self.best_epoch)})


@dataclass(frozen=True)
class Group:
    """Parameters that share a peak rate, and its share of `learning_rate`."""

    parameters: list[nn.Parameter]
    rate_scale: float = 1.0


class _Progress:
    """Everything of a training that changes from epoch to epoch."""

    def __init__(
        self, model: nn.Module, settings: TrainingConfig, steps: int, seed: int, groups: Sequence[Group] | None
    ) -> None:
        self.model = model
        self.clip_norm, self.learning_rate = settings.clip_norm, settings.learning_rate
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimiser = _optimiser(groups or [Group(self.trained)], settings)
        factor = rate_factor(settings, steps)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, factor)
        self.generator = torch.Generator().manual_seed(seed)
        self.epochs: list[Scores] = []
        self.outputs: list[Tensor] = []
        self.average = None if settings.ema_decay is None else Averaged(model, settings.ema_decay)
        self.best, self.best_state = 0, deepcopy(model.state_dict())

    def state(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimiser", "schedule")}
        values = {name: getattr(self, name) for name in ("epochs", "outputs", "best", "best_state")}
        average = None if self.average is None else (self.average.steps, self.average.tensors)
        return parts | values | {"generator": self.generator.get_state(), "average": average}

    def restore(self, state: Mapping[str, Any]) -> None:
        for name in ("model", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("epochs", "outputs", "best", "best_state"):
            setattr(self, name, state[name])
        self.generator.set_state(state["generator"])
        if self.average is not None:
            self.average.steps = state["average"][0]
            for own, kept in zip(self.average.tensors, state["average"][1], strict=True):
                own.copy_(kept)

    def step(self, loss: Tensor) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        in_order([loss])
        loss.backward()
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.trained, self.clip_norm)
        self.optimiser.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update()

    def averaged(self) -> AbstractContextManager[None]:
        """While it lasts, the model is the one that may be kept."""
        return nullcontext() if self.average is None else self.average.in_place()

    def end_epoch(self, scores: Scores, measure: str) -> None:
        self.epochs.append({name: float(value) for name, value in scores.items()})
        if measure in scores and (self.best == 0 or scores[measure] > self.epochs[self.best - 1][measure]):
            self.best, self.best_state = len(self.epochs), deepcopy(self.model.state_dict())


def fit_by_steps(
    model: nn.Module,
    batch_loss: Callable[[Any], Tensor],
    n_items: int,
    evaluate: Callable[[], Scores],
    measure: str,
    settings: TrainingConfig,
    seed: int,
    resume: Resume | None = None,
    *,
    load: Callable[[Iterable[Tensor]], Iterable[Any]] = iter,
    groups: Sequence[Group] | None = None,
    before_epoch: Callable[[int], None] | None = None,
    outputs: Callable[[], Tensor] | None = None,
) -> Generator[None, None, History]:
    """Train `model` in place and leave it with the weights of its best epoch, or of its last, as `settings.keep` says.

    It pauses before each batch, so that several trainings can take turns. In a team (`abaw.nn.parallel`) each process
    loads its part of every batch, and the first one scores the model and keeps the state.

    `batch_loss` maps a batch to its loss. A batch is the numbers of its items (int64, on the CPU), or what `load` makes
    of the batches of an epoch, which may work ahead. `evaluate` scores the model, in evaluation mode, on the validation
    split; `measure` names the score that chooses the epoch (the earliest of equals). Where the last is kept, only that
    one is scored. With `resume` the state is kept after each epoch, and a training that was cut off goes on from there.

    `groups` are the parameters where not all have the peak rate; `before_epoch` is told the number of each epoch, from
    1; `outputs`, asked after `evaluate`, is what the history keeps of each epoch's model.
    Raises `UserError` where there are fewer than two items, or where the loss is not finite.
    """
    if n_items < 2:
        raise UserError(f"there are {n_items} labelled training items; training needs at least two")
    together = team()
    steps = sum(1 for _ in _batches(torch.arange(n_items), settings.batch_size, together.size))
    progress = _Progress(model, settings, steps, seed, groups)
    saved = resume.load() if resume else None
    if saved:
        progress.restore(saved)
    done, epochs = len(progress.epochs), settings.planned_epochs
    for epoch in tqdm(range(done + 1, epochs + 1), "epochs", epochs, initial=done, disable=None):
        if settings.patience is not None and epoch - 1 - progress.best >= settings.patience:
            break
        if before_epoch:
            before_epoch(epoch)
        together.draw_apart(seed, epoch)
        order = torch.randperm(n_items, generator=progress.generator)
        batches = load(map(together.part, _batches(order, settings.batch_size, together.size)))
        scores = {"train_loss": (yield from _train(progress, batches, batch_loss, epoch))}
        with progress.averaged():
            if settings.keep == "best" or epoch == epochs:
                model.eval()
                with torch.inference_mode():
                    scores |= together.agreed(evaluate)
                    if outputs:
                        progress.outputs.append(outputs())
            progress.end_epoch(scores, measure)
        if resume and together.first:
            resume.save(progress.state())
    model.load_state_dict(progress.best_state)
    model.eval()
    kept = torch.stack(progress.outputs) if progress.outputs else None
    return History(progress.epochs, progress.best, measure, kept)


def _train(
    progress: _Progress, batches: Iterable[Any], batch_loss: Callable[[Any], Tensor], epoch: int
) -> Generator[None, None, float]:
    """Train for an epoch; the mean loss of its steps, which are summed where they are computed and hardly ever read."""
    progress.model.train()
    total, n = torch.zeros((), dtype=torch.float64), 0
    for batch in batches:
        yield
        loss = batch_loss(batch)
        progress.step(loss)
        total, n = total.to(loss.device) + loss.detach(), n + 1
        if n % FINITE_EVERY == 0:
            _check_finite(total, epoch, progress.learning_rate)
    _check_finite(total, epoch, progress.learning_rate)
    return total.item() / n


def _check_finite(total: Tensor, epoch: int, learning_rate: float) -> None:
    if not torch.isfinite(total):
        raise UserError(
            f"the loss became {total.item()} in epoch {epoch}; a lower training.learning_rate than {learning_rate} may "
            "help"
        )


def _to_the_end(steps: Callable[Arguments, Generator[None, None, History]]) -> Callable[Arguments, History]:
    """The same training in one go."""

    @wraps(steps)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> History:
        training = steps(*args, **kwargs)
        while True:
            try:
                next(training)
            except StopIteration as end:
                return end.value

    return run


fit = _to_the_end(fit_by_steps)
"""Train a model alone; see `fit_by_steps`."""


def _batches(order: Tensor, size: int, parts: int) -> Iterator[Tensor]:
    """Batches in order, which `parts` divides: what is left of the last one is left out.

    So is a last one of a single item, for batch normalisation needs two.
    """
    for batch in order.split(size):
        whole = batch[: len(batch) - len(batch) % parts]
        if len(whole) > 1:
            yield whole


def _optimiser(groups: Sequence[Group], settings: TrainingConfig) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    scaled: list[dict[str, Any]] = [{"params": group.parameters, "lr": rate * group.rate_scale} for group in groups]
    if settings.optimiser == "sgd":
        # Fused, it fails where a parameter is first trained after others have momentum (torch 2.13).
        return light(torch.optim.SGD)(scaled, rate, momentum=0.9, weight_decay=decay, foreach=True)
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return light(kind)(scaled, rate, weight_decay=decay, fused=True)


def rate_factor(settings: TrainingConfig, epoch_steps: int) -> Callable[[int], float]:
    """The share of the peak rate that each step (from 0) has; an epoch has `epoch_steps`.

    It rises in equal parts over the warm-up. Then it stays, or falls along a cosine to `lowest_rate`, once or in cycles
    (Loshchilov and Hutter 2017, eq. (5)): at the end of each fall it begins again at the peak with the schedule
    `restarts`, and rises as it fell with `cosine`.
    """
    total = settings.planned_epochs * epoch_steps
    rising = max(1, round(settings.warmup * total if settings.warmup < 1 else settings.warmup))
    falling = (settings.cycle_epochs * epoch_steps) if settings.cycle_epochs else max(1, total - rising)
    lowest = min(1.0, settings.lowest_rate / settings.learning_rate)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        if settings.schedule == "constant":
            return 1.0
        since = (step - rising) % falling if settings.schedule == "restarts" else step - rising
        return lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * since / falling))

    return factor
