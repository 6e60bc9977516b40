"""The layers of a backbone from the top down: lower rates for deeper ones, and training that reaches them in turn.

Both are options of the authors' code. What a layer is, timm says (`group_matcher`): a stem, each block, a last norm.
"""

import abaw.nn.vision  # noqa: F401  (it makes timm importable, so it comes first)

# isort: split

from collections.abc import Callable
from typing import Any

from timm.models import group_parameters
from torch import nn

from abaw.config import ImageTrainingConfig
from abaw.nn.training import Group
from abaw.static.backbones import HuggingFaceBackbone
from abaw.static.model import StaticModel


def layers_from_top(backbone: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of each layer of a backbone, the last layer first; every one of them once."""
    if isinstance(backbone, HuggingFaceBackbone):
        return backbone.layers_from_top()
    network: Any = backbone
    matched: dict[Any, list[str]] = group_parameters(network, network.group_matcher(coarse=False))
    by_name = dict(backbone.named_parameters())
    return [[by_name[name] for name in matched[key]] for key in sorted(matched, reverse=True)]


def rate_groups(model: StaticModel, settings: ImageTrainingConfig) -> list[Group] | None:
    """Embedding and heads at the full rate, each layer at `layer_decay` of the one above; None without a decay."""
    if settings.layer_decay is None:
        return None
    least = min(1.0, settings.lowest_layer_rate / settings.training.learning_rate)
    below = [
        Group(layer, max(least, settings.layer_decay**depth))
        for depth, layer in enumerate(layers_from_top(model.backbone), start=1)
    ]
    return [Group([*model.embed.parameters(), *model.heads.parameters()]), *below]


def unfreezing(model: StaticModel, first_layers: int | None) -> Callable[[int], None] | None:
    """What to do before each epoch, from 1: train the top `first_layers`, and one more for each epoch that is over.

    Of a frozen backbone there is nothing to train.
    """
    if first_layers is None or model.frozen:
        return None

    def before_epoch(epoch: int) -> None:
        for depth, layer in enumerate(layers_from_top(model.backbone)):
            for parameter in layer:
                parameter.requires_grad_(depth < first_layers + epoch - 1)

    return before_epoch
