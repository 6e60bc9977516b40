"""The weights that a backbone starts from: out of a package, a download, a folder or a file."""

import abaw.nn.vision  # noqa: F401  (it makes timm and torchvision importable, so it comes first)

# isort: split

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn
from torchvision.models import get_weight

from abaw.config import BackboneConfig
from abaw.nn import checkpoint
from abaw.running.errors import UserError
from abaw.static.backbones import HuggingFaceBackbone, hugging_face_state
from abaw.static.model import StaticModel
from abaw.weights.manifest import known, package_file

PACKAGE_BACKBONE = "tf_efficientnet_lite0.in1k"
PACKAGE_WEIGHTS = "efficientnet_lite0"
TORCHVISION = {
    "efficientnet_b1": "EfficientNet_B1_Weights.IMAGENET1K_V2",
    "efficientnet_b4": "EfficientNet_B4_Weights.IMAGENET1K_V1",
    "vit_base_patch16_224": "ViT_B_16_Weights.IMAGENET1K_V1",
}
"""Those that the authors start from, by timm's architecture."""
_VIT_NAMES = (
    (r"^class_token$", "cls_token"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.ln\.", "norm."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
)


def load_backbone_weights(model: StaticModel, settings: BackboneConfig) -> None:
    """Give the backbone the ImageNet weights that `settings.weights` names; `UserError` where they cannot be had."""
    if settings.weights == "package":
        if settings.backbone != PACKAGE_BACKBONE:
            raise UserError(
                f"static.backbones has the weights 'package', which carries {PACKAGE_BACKBONE} only, for "
                f"{settings.backbone}; give the path of its safetensors file, or 'hub' to download it"
            )
        model.backbone.load_state_dict(_package_state(model.backbone))
    elif settings.weights == "torchvision":
        model.backbone.load_state_dict(_torchvision_state(settings.backbone, model.backbone))
    elif settings.weights == "hub":
        try:
            pretrained = timm.create_model(settings.backbone, pretrained=True, num_classes=0)
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(
                f"the weights of {settings.backbone} could not be downloaded ({error}); set its weights in "
                "static.backbones to the path of its safetensors file"
            ) from error
        model.backbone.load_state_dict(pretrained.state_dict())
    elif isinstance(model.backbone, HuggingFaceBackbone):
        model.backbone.network.load_state_dict(hugging_face_state(settings.backbone, model.backbone))
    else:
        classifier: Any = timm.get_pretrained_cfg(settings.backbone)
        checkpoint.load_state(model.backbone, Path(settings.weights), leave_out=classifier.classifier or ())


def _torchvision_state(name: str, backbone: nn.Module) -> dict[str, Tensor]:
    """What torchvision downloads, under timm's names; it checks a file by the part of the sha256 in its name."""
    weights = TORCHVISION.get(name.partition(".")[0])
    if weights is None:
        raise UserError(
            f"static.backbones has the weights 'torchvision' for {name}, expected one of {', '.join(TORCHVISION)}; "
            "give the path of its safetensors file, or 'hub' to download timm's"
        )
    try:
        stored = get_weight(weights).get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"torchvision's weights {weights} could not be downloaded ({error}); set static.backbones to weights that "
            "you have, or put the file into torch's folder of checkpoints ($TORCH_HOME/hub/checkpoints)"
        ) from error
    return under_timms_names(stored, backbone)


def under_timms_names(stored: Mapping[str, Tensor], backbone: nn.Module) -> dict[str, Tensor]:
    """Tensors of torchvision's EfficientNet or ViT under timm's names, without the classifier.

    The two define EfficientNet's layers in one order; of ViT's blocks the names differ, and positions and class token
    have other places. Raises ValueError where they are not the backbone's.
    """
    wanted = backbone.state_dict()
    if "class_token" in stored:
        found = {_vit_name(name): tensor for name, tensor in stored.items() if not name.startswith("heads.")}
    else:
        found = dict(zip(wanted, stored.values(), strict=False))  # what follows is the classifier
    if {name: tensor.shape for name, tensor in found.items()} != {name: one.shape for name, one in wanted.items()}:
        raise ValueError("the tensors are not those of the backbone")
    return found


def _vit_name(name: str) -> str:
    for theirs, ours in _VIT_NAMES:
        name = re.sub(theirs, ours, name)
    return name


def _package_state(backbone: nn.Module) -> dict[str, Tensor]:
    """The package's tensors under timm's names: the two define the same layers in the same order."""
    weights = known(PACKAGE_WEIGHTS)
    path = package_file(weights)
    stored = checkpoint.load_pinned_torch_file(path, weights.sha256)
    wanted = backbone.state_dict()
    tensors = list(stored.values())[: len(wanted)]  # what follows is the classifier of 1000 classes
    if [tensor.shape for tensor in tensors] != [tensor.shape for tensor in wanted.values()]:
        raise UserError(f"the tensors of {path} do not have the shapes of {PACKAGE_BACKBONE}; reinstall the package")
    return dict(zip(wanted, tensors, strict=True))
