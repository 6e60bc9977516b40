"""What every speech encoder can do, whatever its family."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abaw.acoustic.waveforms import normalise, scale
from abaw.running.errors import UserError


class Steps(NamedTuple):
    """What the lower layers say of some windows: (n, steps, width), and what the upper ones take beside it."""

    hidden: Tensor
    beside: Mapping[str, Any]


class _EnoughError(Exception):
    """Ends a pass through an encoder whose upper layers are not asked for."""


class SpeechEncoder(nn.Module, ABC):
    """Sound in, a vector for each step out.

    A family says where its layers are (`layers`), how many steps a second has (`step_rate_hz`), what of the sound it
    takes, and whether its waveforms are normalised (`normalises`). `width` is the size of a step's vector. `window_s`
    is the longest sound that it will be given, which bounds learned positions.
    """

    normalises: bool = True
    packaged: bool = False
    """Whether the weights come out of an installed package, by a digest, so that no file of ours need hold them."""
    exact: bool = False
    """Whether layers that are not trained say the same of a window each time, in training too."""

    def __init__(self, width: int, window_s: float) -> None:
        super().__init__()
        self.width = width
        self.window_s = window_s

    @property
    @abstractmethod
    def layers(self) -> nn.ModuleList:
        """The transformer layers, from the bottom to the top."""

    @property
    @abstractmethod
    def step_rate_hz(self) -> float:
        """Steps a second."""

    @abstractmethod
    def below(self, waveforms: Tensor, known: Tensor | None, depth: int) -> Steps:
        """Prepared waveforms (n, n_samples) through all that lies below the layer `depth`, counted from 0.

        `known` says which samples are sound; None where all are.
        """

    @abstractmethod
    def above(self, steps: Steps, depth: int) -> Tensor:
        """The steps (n, steps, width) after the last layer, of what comes out `below` the layer `depth`."""

    @abstractmethod
    def recompute_layers(self) -> None:
        """In training compute the layers a second time instead of keeping what they said: less memory, slower."""

    def prepare(self, waveforms: NDArray[np.int16], known: NDArray[np.bool_]) -> Tensor:
        """Samples (n, n_samples) as the family wants them: normalised over what is known, or on a scale of -1 to 1."""
        return torch.from_numpy(normalise(waveforms, known) if self.normalises else scale(waveforms, known))

    def forward(self, waveforms: Tensor, known: Tensor | None = None) -> Tensor:
        """The steps (n, steps, width) of prepared waveforms (n, n_samples) after the last layer."""
        return self.above(self.below(waveforms, known, 0), 0)

    def layer_outputs(self, waveforms: Tensor, known: Tensor | None = None, highest: int | None = None) -> list[Tensor]:
        """What comes out of each layer, from the bottom to the `highest`, or the top: a list of (n, steps, width)."""
        found: list[Tensor] = []

        def keep(_: nn.Module, __: Any, output: Any) -> None:
            found.append(output if isinstance(output, Tensor) else output[0])
            if len(found) == highest:
                raise _EnoughError

        hooks = [layer.register_forward_hook(keep) for layer in self.layers]
        try:
            with suppress(_EnoughError):
                self(waveforms, known)
        finally:
            for hook in hooks:
                hook.remove()
        return found

    def train_only_last(self, count: int) -> None:
        """Let the last `count` layers learn, and nothing else; `UserError` where there are fewer."""
        if count > len(self.layers):
            raise UserError(
                f"{count} encoder layers are to be trained, but the encoder has only {len(self.layers)}; set "
                "acoustic.network.trained_layers, or take another architecture or encoder"
            )
        self.requires_grad_(False)
        for layer in self.layers[len(self.layers) - count :]:
            layer.requires_grad_(True)
