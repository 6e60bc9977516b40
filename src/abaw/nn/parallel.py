"""A training on several cards: a process for each, with the same weights and a share of every batch.

torch's launcher starts the processes (`abaw.commands.cards`), DistributedDataParallel averages their gradients. What a
whole batch decides stays so: the outputs of all cards are gathered before the loss, so that CCC and class weights are
those of the batch, and batch normalisation has the batch's statistics. A process alone is a team of one, for which
nothing here does anything.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

Value = TypeVar("Value")
PATIENCE = timedelta(hours=12)
"""How long a process waits for the others; a whole validation may lie between two steps."""
_SEEDS = 2**31 - 1


@dataclass(frozen=True)
class Team:
    """The processes that train together: the number of this one, from 0, and how many they are."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that judges, writes and speaks."""
        return self.rank == 0

    def part(self, batch: Tensor) -> Tensor:
        """The share that this process has of a batch, whose length the size of the team divides."""
        return batch.chunk(self.size)[self.rank]

    def gathered(self, part: Tensor) -> Tensor:
        """The whole batch of which each process has a `part` of the same shape; gradients find their way back."""
        return part if self.size == 1 else _Gathered.apply(part, self)

    def agreed(self, value: Callable[[], Value]) -> Value:
        """What the first process finds, in all of them; the others wait for it."""
        if self.size == 1:
            return value()
        found = [value() if self.first else None]
        distributed.broadcast_object_list(found)
        return found[0]  # type: ignore[return-value]

    def draw_apart(self, seed: int, epoch: int) -> None:
        """Let each process of several draw changes and dropout of its own, the same whenever this epoch is trained."""
        if self.size > 1:
            torch.manual_seed(((seed * 1009 + epoch) * 1009 + self.rank) % _SEEDS)

    def learner(self, model: nn.Module, device: torch.device, in_part: bool = False) -> nn.Module:
        """What to call in place of `model` in a training step; `model` keeps the weights.

        `in_part` says that some of the weights learn nothing, or not yet.
        """
        if self.size == 1:
            return model
        cards = [device] if device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=cards, find_unused_parameters=in_part)


def team() -> Team:
    """The team that this process belongs to."""
    if distributed.is_available() and distributed.is_initialized():
        return Team(distributed.get_rank(), distributed.get_world_size())
    return Team()


def join(device: torch.device) -> torch.device:
    """Join the team that the launcher has started, and return the device of this process; alone, `device` as it is."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    return device


def share_statistics(model: nn.Module, device: torch.device) -> None:
    """Let batch normalisations inside a model have the statistics of the whole batch where a team trains it."""
    if team().size == 1:
        return
    if device.type == "cuda":
        from timm.layers import convert_sync_batchnorm

        convert_sync_batchnorm(model)  # in place; the parameters stay the same
        return
    for module in model.modules():  # torch's own is for GPUs
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.forward = partial(_normalised, module, module.forward)  # type: ignore[method-assign]


def _normalised(module: Any, as_before: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """Batch normalisation (n, channels, ...) by the mean and the variance of all processes' values."""
    if not module.training:
        return as_before(values)
    axes = [axis for axis in range(values.dim()) if axis != 1]
    parts = team().gathered(torch.stack([values.mean(axes), values.var(axes, correction=0)])[None])
    means, variances = parts[:, 0], parts[:, 1]
    mean = means.mean(0)
    variance = (variances + (means - mean) ** 2).mean(0)
    count = values.numel() // values.shape[1] * len(parts)
    with torch.no_grad():
        module.num_batches_tracked.add_(1)
        module.running_mean.lerp_(mean, module.momentum)
        module.running_var.lerp_(variance * count / (count - 1), module.momentum)
    shape = (1, -1, *(1 for _ in axes[1:]))
    scale = module.weight * (variance + module.eps).rsqrt()
    found = values * scale.view(shape) + (module.bias - mean * scale).view(shape)
    return module.act(module.drop(found)) if hasattr(module, "act") else found


class _Gathered(torch.autograd.Function):
    """Parts of all processes, one after the other; what each process finds of their gradients is added."""

    @staticmethod
    def forward(context: Any, part: Tensor, of: Team) -> Tensor:
        context.team = of
        parts = [torch.empty_like(part) for _ in range(of.size)]
        distributed.all_gather(parts, part.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        whole = gradients[0].contiguous()
        distributed.all_reduce(whole)
        return context.team.part(whole), None
