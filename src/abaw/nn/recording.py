"""A network whose training steps a GPU plays back as CUDA graphs, rather than to be asked for each of its kernels.

A step of EfficientNet-B1 is two thousand kernels, and Python is slower to ask for them than a current GPU is to run
them. torch records them once (`torch.cuda.make_graphed_callables`), forward and backward; the numbers are those of a
step that is not recorded.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves  # torch's recording takes outputs of any form by it, too

from abaw.nn.attention import in_order
from abaw.nn.parallel import team


def recorded(learner: nn.Module, batch_size: int, device: torch.device) -> Callable[[Tensor], Any]:
    """What to call in place of `learner` in a training step: itself on a CPU, and in a team of several cards."""
    return Recorded(learner, batch_size) if device.type == "cuda" and team().size == 1 else learner


class Recorded:
    """Calls a network with a batch, and plays back what it did once for a whole batch: for `batch_size` items.

    A shorter batch is computed kernel by kernel. It is recorded anew when other weights begin to learn. A network that
    cannot be recorded, since it waits for the GPU to know what to do next, is said to be one and computed as it is.
    """

    def __init__(self, network: nn.Module, batch_size: int) -> None:
        self._network, self._batch_size = network, batch_size
        self._play: Callable[[Tensor], Any] | None = None
        self._learning: list[bool] = []

    def __call__(self, batch: Tensor) -> Any:
        """What the network says of a batch (n, ...), as it would itself."""
        if len(batch) != self._batch_size:
            return self._network(batch)
        learning = [parameter.requires_grad for parameter in self._network.parameters()]
        if learning != self._learning:
            self._play, self._learning = None, learning  # what the former needs is free before the next is recorded
            self._play = self._record(batch)
        return self._network(batch) if self._play is None else self._play(batch)

    def _record(self, batch: Tensor) -> Callable[[Tensor], Any] | None:
        device = batch.device
        before = [buffer.clone() for buffer in self._network.buffers()]
        drawn, mode = torch.cuda.get_rng_state(device), torch.get_deterministic_debug_mode()
        torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)  # it records beside the main stream
        try:
            # Weights that were cast once for several steps would stay as they are.
            half = torch.get_autocast_dtype(device.type)
            with torch.autocast(device.type, half, torch.is_autocast_enabled(device.type), cache_enabled=False):
                return torch.cuda.make_graphed_callables(_Whole(self._network), (batch.clone(),))
        except RuntimeError as error:
            why = str(error).strip().partition("\n")[0]
            print(f"the training is not recorded as a CUDA graph ({why}): it takes longer", file=sys.stderr, flush=True)
            generator = torch.cuda.default_generators[device.index]  # it still waits for the end of the recording
            generator.graphsafe_set_state(generator.clone_state())
            return None
        finally:  # torch tries the network a few times before it records it
            torch.cuda.set_rng_state(drawn, device)
            torch.set_deterministic_debug_mode(mode)  # an attention whose backward pass failed has left it strict
            for buffer, value in zip(self._network.buffers(), before, strict=True):
                buffer.copy_(value)


class _Whole(nn.Module):
    """A network as torch records it: it puts its own forward function in place of this one's."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Any:
        outputs = self.network(batch)
        in_order(tree_leaves(outputs))
        return outputs
