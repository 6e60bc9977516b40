"""What a step of EfficientNet-Lite0 on small pictures takes with our gradient of depthwise weights, and without.

    python benchmarks/depthwise.py --threads 2

Where a map is smaller than a kernel, `abaw.nn.depthwise` sums the gradient of the weights itself; torch leaves it to
oneDNN. Both ways take steps of one batch in turns. The last line printed is a JSON object: for each side of the
pictures `step_ms`, milliseconds of a picture with ours, and `over`, the median time of a step without over that with;
`layer_over` is the same of the backward pass of one layer alone, 5 x 5 over the maps that the last layers have.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

import abaw.nn.vision  # noqa: F401  (it makes timm importable, so it comes first)
from abaw.nn.depthwise import learn_from_small_maps

# isort: split

import timm

NETWORK = "tf_efficientnet_lite0.in1k"
SIDES_PX = (80, 96, 112)
CHANNELS, KERNEL = 1152, 5
"""Of the last layers with a kernel that is larger than 3."""


def medians(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each way, in turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds + 2):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            if round_ >= 2:
                taken[name].append(time.perf_counter() - begin)
    return {name: float(np.median(each)) for name, each in taken.items()}


def both(make: Callable[[], nn.Module]) -> dict[str, nn.Module]:
    """A module as torch has it, and as we do."""
    found = {"plain": make(), "ours": make()}
    learn_from_small_maps(found["ours"])
    return found


def step(module: nn.Module, images: torch.Tensor) -> None:
    """A forward and a backward pass."""
    module.zero_grad(set_to_none=True)
    module(images).square().mean().backward()


def of_side(side_px: int, batch: int, rounds: int) -> dict[str, float]:
    """The figures of pictures of one side."""
    pictures = torch.rand(batch, 3, side_px, side_px).to(memory_format=torch.channels_last)
    wholes = both(lambda: timm.create_model(NETWORK).to(memory_format=torch.channels_last).train())
    whole = medians({name: lambda net=net: step(net, pictures) for name, net in wholes.items()}, rounds)
    map_side = -(-side_px // 32)
    maps = torch.rand(batch, CHANNELS, map_side, map_side).to(memory_format=torch.channels_last)
    layers = both(
        lambda: nn.Conv2d(CHANNELS, CHANNELS, KERNEL, padding=KERNEL // 2, groups=CHANNELS, bias=False).to(
            memory_format=torch.channels_last
        )
    )
    layer = medians({name: lambda net=net: step(net, maps) for name, net in layers.items()}, rounds)
    return {
        "step_ms": round(whole["ours"] * 1e3 / batch, 2),
        "over": round(whole["plain"] / whole["ours"], 2),
        "layer_over": round(layer["plain"] / layer["ours"], 1),
    }


def main() -> None:
    """Time both ways for pictures of each side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    print(json.dumps({f"{side_px}_px": of_side(side_px, args.batch, args.rounds) for side_px in SIDES_PX}))


if __name__ == "__main__":
    main()
