"""The functional models: what is taken of a window, and the kernel ELMs that are tried on it."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from abaw.config.base import Inputs, Section, each_once

ScalingName = Literal["none", "standard", "per_video"]


class KelmConfig(Section):
    """The kernel ELMs that are tried on functionals (paper §2.2.2, Figure 2)."""

    scalings: list[ScalingName] = Field(
        min_length=1,
        description="Ways to scale the functionals, each of which is tried. standard: each standardised over training, "
        "then each window scaled to unit length (authors' published code); per_video: the same, but standardised over "
        "the windows of its own track, and fitted on nothing else; none: as they are (the authors' submitted systems, "
        "by their files' names).",
    )
    sets: list[Any]
    kernels: list[Literal["linear", "rbf", "poly"]] = Field(min_length=1, description="Kernels that are tried.")
    regularisation: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=1,
        description="Values of C, eq. (1), that are tried. The authors' 1 to 10 go with weights of 1 / count; with "
        "ours, whose mean is 1, they are classes / windows as large: 0.0008 to 0.008 on AffWild2.",
    )
    exact_rows: Annotated[int, Field(ge=100)] = Field(
        description="Windows up to which an rbf or polynomial kernel is solved exactly; of more it is approximated by "
        "Nystroem's features. The exact matrix takes 8 bytes for each pair: 7.1 GB for AffWild2's 29,781 windows of "
        "valence and arousal, and three times that while it is solved."
    )
    weighted: bool = Field(
        description="Weight the windows of an expression inversely to their count (paper §2.2.2: true)."
    )

    _once = field_validator("scalings", "kernels")(each_once)


class FunctionalConfig(KelmConfig):
    """Functionals of the faces' embeddings over windows, and the kernel ELM on them (paper §2.2.2, Figure 2)."""

    inputs: Inputs = Field(description="What functionals are taken of, as under `dynamic.inputs`.")
    window_s: Annotated[float, Field(gt=0, le=60)] = Field(description="Length of a window (paper §2.2.2: 2).")
    min_share: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Share of a window's analysed frames that must show a face; windows with fewer are dropped, and "
        "those with a face in less than two."
    )
    sets: list[Annotated[list[Literal["mean", "max", "min"]], Field(min_length=1)]] = Field(
        min_length=1, description="Sets of functionals that are tried (paper Table 4)."
    )


class VoiceStatisticsConfig(Section):
    """What is taken of the voice in each window: statistics of an encoder's layers over the steps that are heard."""

    encoder: str = Field(min_length=1, description="As `acoustic.network.encoder`.")
    layers: list[Annotated[int, Field(ge=1, le=48)]] = Field(
        min_length=1,
        description="Layers of the encoder, counted from 1 at the bottom. Those in the middle know most of an emotion; "
        "all four of Whisper tiny are some 3,000 numbers a window.",
    )
    window_s: Annotated[float, Field(ge=1, le=30)] = Field(description="Length of a window.")
    step_s: Annotated[int, Field(ge=1, le=30)] = Field(description="Step between windows in seconds.")
    loud_db: Annotated[float, Field(gt=0, le=200)] = Field(
        description="How far below the window's loudest step one may lie and count: what is quieter is breath and room."
    )
    min_share: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Share of a window that must lie in the target speaker's voiced runs. Then only steps within them "
        "count; of any other window all loud steps do, and it is predicted but neither learned nor scored."
    )

    _once = field_validator("layers")(each_once)


class VoiceFunctionalConfig(KelmConfig):
    """A functional model of the voice, beyond the paper: statistics of a speech encoder into a kernel ELM."""

    enabled: bool = Field(
        description="Whether there is a model voice_functional, which is scored beside the others; systems may name it."
    )
    statistics: VoiceStatisticsConfig
    sets: list[Annotated[list[Literal["mean", "deviation"]], Field(min_length=1)]] = Field(
        min_length=1, description="Sets of functionals that are tried."
    )
