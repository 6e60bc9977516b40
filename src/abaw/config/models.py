"""The models over time, of sound, and of both: the networks, and what of their training is their own."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from abaw.config.base import Inputs, Section, each_once
from abaw.config.training import ClassWeightsKey, ExpressionLossKey, TrainingConfig, VaLossKey

WindowS = Annotated[float, Field(gt=0, le=600)]


class DynamicSweepConfig(Section):
    """What is tried for the transformer over time: every window with every normaliser (paper §3.2.2)."""

    windows_s: list[WindowS] = Field(
        min_length=1, description="Lengths of a window (paper §3.2.2: 1, 2, 3, 4, 6 and 8)."
    )
    normalisers: list[Literal["none", "train_minmax", "per_video_minmax"]] = Field(
        min_length=1,
        description="train_minmax scales each embedding to [0, 1] over the training split; per_video_minmax over its "
        "own video's frames with a face, which takes out what is particular to a person (paper §3.2.2; the authors' "
        "choice for valence and arousal).",
    )

    _once = field_validator("windows_s", "normalisers")(each_once)


class OverTimeConfig(Section):
    """What networks over windows of embeddings share."""

    overlap: Annotated[float, Field(ge=0, le=0.99)] = Field(
        description="Share of a window that the next one covers again (peers: 0.625 of 400 frames); of a frame counts "
        "the mean over all windows that have it."
    )
    every_nth: Annotated[int, Field(ge=1, le=100)] = Field(
        description="A window has every n-th of the analysed frames, so that it is as long in seconds with fewer "
        "frames; windows begin at each of n frames in turn, so all frames are learned and predicted. 1: all (paper)."
    )
    layers: Annotated[int, Field(ge=1, le=24)] = Field(
        description="Layers (transformer over time, paper §2.2.2: 3; attention fusion, authors: 2)."
    )
    heads: Annotated[int, Field(ge=1, le=64)] = Field(description="Attention heads (paper §2.2.2: 8).")
    feedforward: Annotated[int, Field(ge=1, le=8192)] = Field(
        description="Width of the feed-forward part (authors: 256)."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(description="Dropout (paper §2.2.2: 0.1).")
    expression_loss: ExpressionLossKey
    class_weights: ClassWeightsKey
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Label smoothing of the expression loss (authors: none over time, 0.2 in attention fusion)."
    )
    va_loss: VaLossKey
    training: TrainingConfig


class DynamicNetworkConfig(OverTimeConfig):
    """The transformer over time, whatever its window (paper §2.2.2, Figure 3)."""

    output: Literal["sequence", "one"] = Field(
        description="sequence: a prediction for every frame of a window (authors' code); one: a single prediction for "
        "all frames of a window (paper Figure 3)."
    )
    input_batch_norm: bool = Field(
        description="Batch normalisation of the embeddings before the first layer (authors' code: true)."
    )


class DynamicConfig(Section):
    """The transformer over time: what it learns from, the grid that is tried, and the network."""

    inputs: Inputs = Field(
        description="What is learned from, side by side: faces, the embeddings of static; voice, those of the acoustic "
        "model; mesh, the aligned points of `faces.mesh`; or names under `embeddings`. The first says which frames "
        "count."
    )
    sweep: DynamicSweepConfig
    network: DynamicNetworkConfig

    @model_validator(mode="after")
    def _no_cell_twice(self) -> "DynamicConfig":
        if self.network.input_batch_norm and {"none", "train_minmax"} <= set(self.sweep.normalisers):
            raise ValueError(
                "dynamic.sweep.normalisers has none and train_minmax, which are one model where "
                "dynamic.network.input_batch_norm is true: a batch normalisation undoes any scale that is the same for "
                "all frames; leave one of them out, or set input_batch_norm to false"
            )
        return self


class AcousticNetworkConfig(Section):
    """An acoustic model on a speech encoder, whichever of the three it is (paper §2.1)."""

    encoder: str = Field(
        min_length=1,
        description="whisper_tiny_en: Whisper tiny.en's encoder, which a package carries; small: a small Wav2Vec2 on "
        "mel bands with random weights; else a folder in Hugging Face's form, or an id there, owner/name or "
        "owner/name@revision, downloaded, of a Wav2Vec2 such as PDEM (paper §2.1), HuBERT, WavLM, data2vec-audio, "
        "Wav2Vec2-BERT or Whisper.",
    )
    window_s: Literal[4] = Field(description="Length of a window in seconds (paper §3.2.1: 4).")
    step_s: Annotated[int, Field(ge=1, le=4)] = Field(description="Step between windows in seconds (paper §3.2.1: 2).")
    trained_layers: Annotated[int, Field(ge=0, le=48)] | Literal["all"] | None = Field(
        description="Encoder layers that are trained, counted from the top; null: as in the paper (§2.1), two of V1 "
        "and V2, four of V3; all: the whole encoder, which one with random weights needs."
    )
    gradient_checkpointing: bool = Field(
        description="Compute the encoder's layers a second time instead of keeping what they said: less memory, slower."
    )
    augmentation: Literal["none", "paper"] = Field(
        description="paper: each window changed in one way, polarity, white noise or volume (paper §3.2.1); none."
    )
    heard_variants: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="How many forms of each training window, each augmented and dropped out in its own way, the "
        "encoder's frozen layers hear: epochs take them in turn, and what is said of them is kept on the scratch disk "
        "(with PDEM 0.4 MB a window and form on a GPU, twice that on a CPU). null: each epoch hears its own, as in the "
        "paper.",
    )
    noise_snr_db: list[float] = Field(
        min_length=2,
        max_length=2,
        description="Lowest and highest signal-to-noise ratio of that white noise (authors: 46 and 80, which is 0.005 "
        "and 0.0001 of the signal's standard deviation).",
    )
    gain_db: list[float] = Field(
        min_length=2,
        max_length=2,
        description="Lowest and highest change of that volume, made after the window is normalised (authors: -20 and "
        "-1, before it, which undoes it).",
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Label smoothing of the expression loss (paper §3.2.1; authors: 0.2)."
    )
    va_loss: VaLossKey
    training: TrainingConfig

    @model_validator(mode="after")
    def _frozen_where_kept(self) -> Self:
        if self.heard_variants is not None and self.trained_layers == "all":
            raise ValueError(
                f"heard_variants is {self.heard_variants}, but with trained_layers: all no layer says the same after a "
                "step, so that nothing can be kept; set it to null"
            )
        return self

    @field_validator("noise_snr_db", "gain_db")
    @classmethod
    def _low_before_high(cls, values: list[float]) -> list[float]:
        if values[0] > values[1]:
            raise ValueError("the lowest value comes first")
        return values


class AcousticConfig(Section):
    """The acoustic models that are tried, and the network."""

    enabled: bool = Field(
        description="Whether there is a model acoustic; without it systems and attention must do without its name."
    )
    architectures: list[Literal["AudioModelV1", "AudioModelV2", "AudioModelV3"]] = Field(
        min_length=1,
        description="Which of the paper's three are trained; the one with the best challenge measure on validation is "
        "kept. V1 has recurrent layers, V2 and V3 transformer layers.",
    )
    network: AcousticNetworkConfig

    _once = field_validator("architectures")(each_once)


class AttentionNetworkConfig(OverTimeConfig):
    """The network of attention fusion, whichever mechanism it has."""

    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Share of the windows of training out of which one modality is left, a token that is learned in "
        "its place, which then also stands where a modality has nothing (peers); 0: there is no token (paper)."
    )


class AttentionConfig(Section):
    """Attention over the embeddings of several modalities (paper §2.3, §4.3)."""

    inputs: Inputs = Field(
        description="The modalities, as under `dynamic.inputs`, each in a sequence of its own (paper: faces and voice)."
    )
    mechanisms: list[Literal["self", "cross"]] = Field(
        description="self: both modalities in one sequence; cross: each asks the other. Each is a model of its own, "
        "self_attention or cross_attention; none where the list is empty."
    )
    window_s: WindowS = Field(description="Length of a window.")
    network: AttentionNetworkConfig

    _once = field_validator("mechanisms")(each_once)

    @model_validator(mode="after")
    def _cross_has_somebody_to_ask(self) -> "AttentionConfig":
        if len(self.inputs) < 2 and "cross" in self.mechanisms:
            raise ValueError(
                "attention.mechanisms has cross, where each modality asks the others, but attention.inputs has one; "
                "add another, or leave cross out"
            )
        return self
