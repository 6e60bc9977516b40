"""The audio and the target speaker's voice."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from abaw.config.base import Section


class AudioConfig(Section):
    """The audio that the models hear (paper §3.2.1)."""

    sample_rate_hz: Literal[16000] = Field(description="Sample rate of the mono track; wav2vec2 models need 16000.")


class GateConfig(Section):
    """When the target speaker speaks, by their mouth (paper §3.2.1)."""

    source: Literal["mouth", "vad", "both"] = Field(
        description="mouth: where the lips speak; vad: where silero-vad hears a voice, whosever it is; both: where the "
        "two agree."
    )
    rule: Literal["movement", "authors"] = Field(
        description="movement: the lips are open and move, by the keys below; authors: the mean of the last 30 rows' "
        "mouth area exceeds the video's mean, closed runs under 0.5 s are kept and runs under 2 s dropped; of the keys "
        "below rate_hz alone counts, which must be null: the rows are all frames of a video."
    )
    rate_hz: Annotated[float, Field(gt=0, le=240)] | None = Field(
        description="Frames a second whose mouths are measured; null: every frame of the video. Crops, embeddings and "
        "windows keep the rate of faces.analysis_rate_hz."
    )
    min_opening: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="Lip gap over eye distance, averaged over window_s, above which the mouth counts as speaking."
    )
    min_movement: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Standard deviation of the same over window_s that speech must reach: an open smile is not speech."
    )
    window_s: Annotated[float, Field(gt=0, le=10)] = Field(description="Length of that window.")
    max_blip_s: Annotated[float, Field(ge=0, le=5)] = Field(
        description="Voiced runs up to this length are dropped before gaps are closed; at 5 frames a second a single "
        "frame is a run of 0.2 (authors: none)."
    )
    max_gap_s: Annotated[float, Field(ge=0, le=5)] = Field(
        description="Closed runs up to this length inside speech are kept (authors' code: 0.5)."
    )
    min_run_s: Annotated[float, Field(ge=0, le=5)] = Field(
        description="Voiced runs shorter than this are dropped (authors' code: 2)."
    )

    @model_validator(mode="after")
    def _authors_count_frames(self) -> "GateConfig":
        if self.rule == "authors" and self.rate_hz is not None:
            raise ValueError(
                f"rate_hz must be null where rule is authors, which counts a video's frames; it is {self.rate_hz}"
            )
        return self


class SpeechConfig(Section):
    """Audio and the target speaker's voice."""

    separator: Literal["spleeter", "none"] = Field(
        description="Takes the voice out of music and noise: Spleeter's 2stems model, or none, the mixture as it is."
    )
    engine: Literal["torch", "tensorflow"] = Field(
        description="What runs Spleeter: torch, our definition of its model with Deezer's weights; tensorflow, its own "
        "program in an environment of its own (--use-conda). Both give the same voice."
    )
    audio: AudioConfig
    gate: GateConfig
