"""Backbones of two libraries under one form: timm's architectures, and the vision encoders of transformers.

A backbone maps images (n, 3, input_px, input_px), normalised, to features (n, num_features). Of transformers' encoders
these are the pooled ones, or the class token where the pooling is a layer that most checkpoints lack (ViT). No form of
a name makes either library run code of others, and what a card says is built without looking anywhere.
"""

import abaw.nn.vision  # noqa: F401  (it makes timm and transformers importable, so it comes first)

# isort: split

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import timm
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from abaw.config import BackboneConfig
from abaw.config.static import HUGGING_FACE
from abaw.running.errors import UserError
from abaw.weights.huggingface import licence_of, plain_form, processor_of, source_of

Means = tuple[float, float, float]
TORCHVISION_LICENCE = "bsd-3-clause"
ANY_SIZE = ("dinov2", "dinov2_with_registers", "dinov3_vit")
"""Transformers' encoders, beside those that ask for it, whose positions fit pictures of any size."""


class About(NamedTuple):
    """What a backbone's library says of it: mean and deviation of its inputs, licence, its form if transformers'."""

    mean: Means
    std: Means
    licence: str | None
    form: dict[str, Any] | None = None


def about_backbone(settings: BackboneConfig) -> About:
    """What is known of a backbone before it is built; `UserError` where its library does not know it."""
    if settings.backbone.startswith(HUGGING_FACE):
        return _about_hugging_face(settings.backbone)
    check_known(settings.backbone, "static.backbones")
    trained_on: Any = timm.get_pretrained_cfg(settings.backbone)
    if settings.weights == "torchvision":
        return About(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, TORCHVISION_LICENCE)
    licence = trained_on.license if "." in settings.backbone else None
    return About(tuple(trained_on.mean), tuple(trained_on.std), licence)


def check_known(backbone: str, where: str) -> None:
    """Refuse what timm does not list, so that no name makes it look elsewhere."""
    if backbone.startswith(HUGGING_FACE):
        return
    if backbone not in timm.list_models(pretrained="." in backbone):
        raise UserError(
            f"{where} has {backbone!r}, which timm {timm.__version__} does not know; timm.list_models(pretrained=True) "
            "lists the full tags, timm.list_models() the architectures"
        )


def build_backbone(name: str, drop_path: float, form: Mapping[str, Any] | None, input_px: int) -> nn.Module:
    """A backbone with random weights; `UserError` where its library does not know it, or it cannot have such pictures,
    or no stochastic depth.
    """
    check_known(name, "the card of a frame-level model")
    if not name.startswith(HUGGING_FACE):
        return timm.create_model(name, pretrained=False, num_classes=0, drop_path_rate=drop_path)
    return HuggingFaceBackbone(name, form or {}, drop_path, input_px)


class HuggingFaceBackbone(nn.Module):
    """A vision encoder of transformers."""

    def __init__(self, name: str, form: Mapping[str, Any], drop_path: float, input_px: int) -> None:
        super().__init__()
        config = _config_of(name, form)
        if drop_path:
            if not hasattr(config, "drop_path_rate"):
                raise UserError(f"{name} has no stochastic depth; set drop_path to 0 in static.backbones")
            config.drop_path_rate = drop_path
        from transformers import AutoModel

        network: Any = AutoModel.from_config(config, attn_implementation="eager")  # which ONNX knows
        if getattr(network, "main_input_name", None) != "pixel_values":
            raise UserError(f"{name} is of the type {config.model_type}, expected an encoder of pictures")
        self.pooled = not hasattr(getattr(network, "pooler", None), "dense")
        if not self.pooled:
            network.pooler = None
        self.network = network
        sizes = getattr(config, "hidden_sizes", None)
        self.num_features: int = sizes[-1] if sizes else config.hidden_size
        stretches = "interpolate_pos_encoding" in inspect.signature(network.forward).parameters
        self.beside = {"interpolate_pos_encoding": True} if stretches and config.image_size != input_px else {}
        if not (stretches or sizes or config.model_type in ANY_SIZE or config.image_size == input_px):
            raise UserError(f"{name} takes pictures of {config.image_size} px only; set input_px to that")

    def forward(self, images: Tensor) -> Tensor:
        """Features (n, num_features)."""
        said = self.network(pixel_values=images, **self.beside)
        return said.pooler_output.flatten(1) if self.pooled else said.last_hidden_state[:, 0]

    def layers_from_top(self) -> list[list[nn.Parameter]]:
        """What is above the encoder's layers, these from the last to the first, and what is below; each once."""
        stacks = [part for part in self.network.modules() if isinstance(part, nn.ModuleList)]
        layers = max(stacks, key=len)
        inside = {id(parameter) for parameter in layers.parameters()}
        outside = [parameter for parameter in self.network.parameters() if id(parameter) not in inside]
        order = [id(parameter) for parameter in self.network.parameters()]
        first = min(order.index(one) for one in inside)
        below = [parameter for parameter in outside if order.index(id(parameter)) < first]
        above = [parameter for parameter in outside if order.index(id(parameter)) > first]
        return [above, *(list(layer.parameters()) for layer in reversed(layers)), below]


def hugging_face_state(name: str, backbone: HuggingFaceBackbone) -> dict[str, Tensor]:
    """The weights of a folder or of the hub, safetensors only; `UserError` where one is missing."""
    source, revision = source_of(name.removeprefix(HUGGING_FACE), f"static.backbones has {name}")
    try:
        loaded: Any = type(backbone.network).from_pretrained(
            source, revision=revision, config=backbone.network.config, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"the weights of {name} cannot be loaded: {error}") from error
    model, info = loaded
    wanted = backbone.network.state_dict()
    lacking = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])} & set(wanted)
    if lacking:
        raise UserError(
            f"the weights of {name} lack {', '.join(sorted(lacking)[:3])} ({len(lacking)} in all); it is incomplete"
        )
    found = model.state_dict()
    return {key: found[key] for key in wanted}


def _about_hugging_face(name: str) -> About:
    source, revision = source_of(name.removeprefix(HUGGING_FACE), f"static.backbones has {name}")
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(source, revision=revision)
        processor = processor_of(source, revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{name} cannot be loaded: {error}") from error
    own = getattr(config, "vision_config", config)  # of a model of pictures and text, the half that sees
    mean, std = (
        tuple(processor.get(key, usual))
        for key, usual in (("image_mean", IMAGENET_DEFAULT_MEAN), ("image_std", IMAGENET_DEFAULT_STD))
    )
    return About(mean, std, licence_of(source), plain_form({**own.to_dict(), "model_type": own.model_type}))


def _config_of(name: str, form: Mapping[str, Any]) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.for_model(**plain_form(form))
    except (ValueError, TypeError) as error:
        raise UserError(f"the form of {name} is none that transformers knows ({error}); get it anew") from error
