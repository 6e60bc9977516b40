"""Encoders whose network is one of transformers."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from abaw.acoustic.encoders.base import SpeechEncoder, Steps


class _ReachedError(Exception):
    """Raised where a network has come to the layer that was asked for, with what that layer takes."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self.steps = steps


class NetworkEncoder(SpeechEncoder):
    """A family of transformers: it says what its network takes (`inputs`), and what follows its layers (`top`).

    LayerDrop, where a checkpoint asks for it, leaves out none of the layers below those that are trained.
    """

    network_class: ClassVar[Any]
    """The class that reads a checkpoint of this family."""

    def __init__(self, network: Any, window_s: float) -> None:
        super().__init__(network.config.hidden_size, window_s)
        self.network = network
        self.layerdrop: float = getattr(network.config, "layerdrop", 0.0)
        network.config.layerdrop = network.layerdrop = 0.0

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

    @abstractmethod
    def inputs(self, waveforms: Tensor, known: Tensor | None) -> dict[str, Tensor]:
        """What the network takes, of prepared waveforms (n, n_samples) and which samples are sound, None where all."""

    @property
    @abstractmethod
    def top(self) -> nn.Module | None:
        """What normalises the steps after the last layer."""

    def below(self, waveforms: Tensor, known: Tensor | None, depth: int) -> Steps:
        """See `SpeechEncoder.below`: the network runs up to the call of that layer."""
        layers = list(self.layers)
        if depth == len(layers):
            return self._layer(len(layers) - 1, self.below(waveforms, known, len(layers) - 1))

        def reached(_: nn.Module, given: tuple[Any, ...], beside: dict[str, Any]) -> None:
            mask = {"attention_mask": given[1]} if len(given) > 1 else {}
            raise _ReachedError(Steps(given[0], mask | beside))

        hook = layers[depth].register_forward_pre_hook(reached, with_kwargs=True)
        try:
            self.network(**self.inputs(waveforms, known))
        except _ReachedError as found:
            return found.steps
        finally:
            hook.remove()
        raise RuntimeError(f"{type(self.network).__name__} does not run its layer {depth}")

    def above(self, steps: Steps, depth: int) -> Tensor:
        """See `SpeechEncoder.above`."""
        for number in range(depth, len(self.layers)):
            if not (self.training and self.layerdrop and torch.rand(()) < self.layerdrop):
                steps = self._layer(number, steps)
        return steps.hidden if self.top is None else self.top(steps.hidden)

    def _layer(self, number: int, steps: Steps) -> Steps:
        output = self.layers[number](steps.hidden, **steps.beside)
        return Steps(output if isinstance(output, Tensor) else output[0], steps.beside)

    def recompute_layers(self) -> None:
        """See `SpeechEncoder.recompute_layers`."""
        cast(Any, self.network).activation_checkpointing_enable()
