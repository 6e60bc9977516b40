"""What is predicted of videos of the user's own, and by what."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from abaw.config.base import Section, expected

Subjects = Annotated[
    Literal["prominent", "all"] | Annotated[int, Field(ge=1, le=100)],
    expected("prominent, all or a whole number from 1 to 100"),
]
Also = Literal["annotated", "elan", "praat", "subtitles", "speakers"]


class PredictConfig(Section):
    """Videos without labels, and what is wanted of them: `snakemake predict`, `make predict` or `abaw predict`."""

    videos: str | None = Field(
        description="Folder of videos, in any subfolders and by any name, or one video; null: nothing is predicted."
    )
    bundle: str | None = Field(
        description="The models: a folder or a zip that `abaw export` has made, such as results/bundle; null: the one "
        "in resources/bundles/default, where there is one."
    )
    out: str = Field(
        pattern=r"^[^{}]+$", description="Folder of what comes out, one for each video; its path has no braces."
    )
    fps: Annotated[float, Field(gt=0, le=60)] | None = Field(
        description="Frames a second in which faces are looked for; null: as many as the models were trained on."
    )
    from_s: Annotated[float, Field(ge=0)] = Field(description="Second of each video at which to begin.")
    to_s: Annotated[float, Field(gt=0)] | None = Field(description="Second at which to end; null: with the video.")
    detect_every_s: Annotated[float, Field(gt=0, le=2)] | None = Field(
        description="How often (s) the face detector is asked while faces hold; see faces.detect_every_s."
    )
    mouths_hz: Annotated[float, Field(gt=0, le=240)] | None = Field(
        description="Frames a second whose mouths are measured at most; null: as the bundle's speech.gate says. If its "
        "rule is authors, which counts frames, all are measured."
    )
    subjects: Subjects = Field(
        description="prominent: the one person who stands out, over cuts and absences; all: everybody who is seen for "
        "a second; a number: at any time so many at most, those who stand out. Of the last two nobody is recognised "
        "without a recogniser: after a cut, and after an absence of more than a second, a person has a new number."
    )
    recogniser: str | None = Field(
        description="Name of weights in resources/weights.yaml by which people are recognised after cuts and absences, "
        "such as sface; null: nobody is. Not used where subjects is prominent."
    )
    same_person: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="Cosine of two faces' embeddings from which on they are one person's; 0.363 is SFace's own."
    )

    also: list[Also] = Field(
        description="What is made of each video beside its tables and its page: annotated, a video with everything "
        "drawn in; elan, praat and subtitles, what those programs read; speakers, who speaks when, as RTTM."
    )

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> "PredictConfig":
        if self.to_s is not None and self.to_s <= self.from_s:
            raise ValueError(f"to_s must be greater than from_s; they are {self.to_s} and {self.from_s}")
        return self
