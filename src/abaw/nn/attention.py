"""Attention whose gradients a GPU adds up in the same order each time, with torch's fused kernels.

FlashAttention and torch's memory-efficient attention add up gradients in any order, unless torch's deterministic mode
is strict (`error`). In that, whatever has no deterministic form refuses to run, so elsewhere the mode only warns
(`abaw.nn.runtime`). Here it is strict for as long as the backward pass of an attention runs. Without this, what is left
is torch's plain attention, with which the kernels of a training step of ViT-B/16 run twice as long.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.backends import cuda


def in_order(outputs: Iterable[Tensor]) -> None:
    """Have each attention that `outputs` come of add up its gradients in order, where they lie on a GPU.

    To be called before the backward pass. Nothing is changed where algorithms need not be deterministic.
    """
    if not torch.are_deterministic_algorithms_enabled():
        return
    for node in attentions(output for output in outputs if output.device.type == "cuda"):
        make_strict(node)


def take_no_fused() -> None:
    """Let a GPU compute attention without fused kernels from now on: for a network that hides which it takes."""
    cuda.enable_flash_sdp(False)
    cuda.enable_mem_efficient_sdp(False)


def attentions(outputs: Iterable[Tensor]) -> Iterator[Node]:
    """The backward passes of the fused attentions that some outputs come of, each once."""
    waiting = [output.grad_fn for output in outputs]
    seen: set[Node] = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if "Attention" in node.name():
            yield node
        waiting.extend(before for before, _ in node.next_functions)


def make_strict(node: Node) -> None:
    """Let torch's deterministic mode be strict while the backward pass of `node` runs, and then as it is now."""
    mode = torch.get_deterministic_debug_mode()

    def before(_: Any) -> None:
        torch.set_deterministic_debug_mode("error")

    def after(_: Any, __: Any) -> None:
        torch.set_deterministic_debug_mode(mode)

    node.register_prehook(before)
    node.register_hook(after)
