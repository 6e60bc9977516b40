"""What every speech encoder can do, whatever its family."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abaw.acoustic.waveforms import normalise, scale
from abaw.running.errors import UserError


class SpeechEncoder(nn.Module, ABC):
    """Sound in, a vector for each step out, by a network of transformers.

    A family says what of the sound its network takes (`inputs`), where its layers are (`layers`), how many steps a
    second has (`step_rate_hz`), and whether its waveforms are normalised (`normalises`). `width` is the size of a
    step's vector. `window_s` is the longest sound that it will be given, which bounds learned positions.
    """

    network_class: ClassVar[Any]
    """The class of transformers that reads a checkpoint of this family."""
    normalises: bool = True
    packaged: bool = False
    """Whether the weights come out of an installed package, by a digest, so that no file of ours need hold them."""

    def __init__(self, network: Any, window_s: float) -> None:
        super().__init__()
        self.network = network
        self.width: int = network.config.hidden_size
        self.window_s = window_s

    @classmethod
    def trimmed(cls, config: Any) -> Any:
        """A checkpoint's configuration without what comes after the encoder."""
        return config

    @classmethod
    def part_of(cls, loaded: Any) -> tuple[Any, str]:
        """The encoder within the network that a checkpoint gives, and how the names of its tensors begin there."""
        return loaded, ""

    @classmethod
    def fresh(cls, config: Any) -> Any:
        """The encoder's network of a configuration, with random weights."""
        return cls.network_class(cls.trimmed(config))

    def follow(self, processor: Mapping[str, Any]) -> None:
        """Prepare sound as a checkpoint's own settings of its processor say, where they say anything."""

    @property
    @abstractmethod
    def layers(self) -> nn.ModuleList:
        """The transformer layers, from the bottom to the top."""

    @property
    @abstractmethod
    def step_rate_hz(self) -> float:
        """Steps a second."""

    @abstractmethod
    def inputs(self, waveforms: Tensor, known: Tensor | None) -> dict[str, Tensor]:
        """What the network takes, of prepared waveforms (n, n_samples) and which samples are sound, None where all."""

    def prepare(self, waveforms: NDArray[np.int16], known: NDArray[np.bool_]) -> Tensor:
        """Samples (n, n_samples) as the family wants them: normalised over what is known, or between -1 and 1."""
        return torch.from_numpy(normalise(waveforms, known) if self.normalises else scale(waveforms, known))

    def forward(self, waveforms: Tensor, known: Tensor | None = None) -> Tensor:
        """The steps (n, steps, width) of prepared waveforms (n, n_samples) after the last layer."""
        return self.network(**self.inputs(waveforms, known)).last_hidden_state

    def layer_outputs(self, waveforms: Tensor, known: Tensor | None = None) -> list[Tensor]:
        """What comes out of each layer, from the bottom to the top: a list of (n, steps, width)."""
        found: list[Tensor] = []

        def keep(_: nn.Module, __: Any, output: Any) -> None:
            found.append(output if isinstance(output, Tensor) else output[0])

        hooks = [layer.register_forward_hook(keep) for layer in self.layers]
        try:
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
