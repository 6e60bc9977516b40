"""From predictions to frames, what combines them, and how they are scored."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from abaw.config.base import Section, each_once

Width = Annotated[float, Field(ge=0, le=20)]
FilterName = Literal["hamming", "box", "gaussian", "median"]


class TimelineConfig(Section):
    """From predictions in time to one row per frame (paper §3.2.3)."""

    smoothing_s: Width = Field(
        description="Length of the filter (paper §3.2.3: 0.5); 0 leaves the predictions as they are."
    )
    filter: FilterName = Field(
        description="hamming (paper §3.2.3), box and gaussian weight their neighbours, the last to two standard "
        "deviations; median takes the middle one."
    )
    smoothed: Literal["logits", "probabilities"] = Field(
        description="What is smoothed of the expressions (authors: logits); valence and arousal have only values."
    )
    sweep_s: list[Width] = Field(
        min_length=1, description="Lengths that the report scores for every model beside `smoothing_s`."
    )
    sweep_filters: list[FilterName] = Field(
        description="Filters that it scores at each of these lengths beside `filter`; none where the list is empty."
    )
    width: Literal["fixed", "best", "folds"] = Field(
        description="fixed: `smoothing_s` and `filter` for every model; best: for each model the length and the "
        "filter, out of those that are scored, with the best challenge measure on validation; folds: with the best "
        "mean of that measure over `scoring.folds` folds of its videos."
    )

    _once = field_validator("sweep_filters")(each_once)


class DirichletConfig(Section):
    """Dirichlet weighted fusion (paper §2.3)."""

    candidates: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        description="Weight matrices drawn from the Dirichlet distribution (authors: 1000); each single model and the "
        "plain mean are always tried as well."
    )
    concentration: Annotated[float, Field(gt=0, le=100)] = Field(
        description="Concentration of the Dirichlet distribution, the same for every model (authors: 1)."
    )
    search: Literal["sample", "refine"] = Field(
        description="sample: the best of the candidates (paper §2.3); refine: go on from it to a local optimum."
    )
    max_entropy_nats: Annotated[float, Field(gt=0)] | None = Field(
        description="Rows of the acoustic model whose class probabilities have a higher entropy have no say in the "
        "expressions (authors' code: 1.8, of at most ln 8 = 2.08); null: all have."
    )
    combined: Literal["probabilities", "logits"] = Field(
        description="What of the expressions is weighted: probabilities (authors' code), or their logarithms, so that "
        "a model that is sure that a class is not there has a veto."
    )


class ForestConfig(Section):
    """Random forests on the models' outputs (paper §2.3)."""

    trees: list[Annotated[int, Field(ge=1, le=10_000)]] = Field(
        min_length=1, description="Numbers of trees that are tried (authors: 10, 20, 50, 100)."
    )
    chosen_by: Literal["out_of_bag", "grouped"] = Field(
        description="Which score chooses the number of trees: out-of-bag rows (paper §2.3), or rows of videos that the "
        "forest has not seen."
    )
    folds: Annotated[int, Field(ge=2, le=100)] = Field(
        description="Folds of videos for the grouped score; fewer where there are fewer videos."
    )


class CalibrationConfig(Section):
    """What is done with the expressions of every system after its fusion, also with those of a single model."""

    class_bias: bool = Field(
        description="Add to the log probabilities of each class a bias, searched for macro F1 on validation (peers; "
        "the paper has none)."
    )
    temperature: bool = Field(
        description="Divide them first by a temperature with the least log loss on validation; alone it changes how "
        "sure they are, and no class."
    )

    @property
    def asked(self) -> bool:
        """Whether there is anything to do."""
        return self.class_bias or self.temperature


class FusionConfig(Section):
    """What combines the models' frames; all is fitted on the validation split."""

    dirichlet: DirichletConfig
    forest: ForestConfig
    calibration: CalibrationConfig


class SystemConfig(Section):
    """One submission of each challenge: models, and what combines them (paper §4.3, Tables 5 and 6).

    Five at most, as many as the organisers take; NAME is of your choice, in lower case.
    """

    title: str = Field(min_length=1, description="What it is, in words, for the report.")
    models: list[str] = Field(
        min_length=1,
        description="Of visual, functional, acoustic and voice_functional where they are enabled, self_attention or "
        "cross_attention as far as `attention.mechanisms` has them, and the names under `models`.",
    )
    fusion: Literal["none", "dirichlet", "forest"] = Field(
        description="What combines the models; none is for a single one."
    )

    @model_validator(mode="after")
    def _fusion_fits(self) -> "SystemConfig":
        if len(set(self.models)) < len(self.models):
            raise ValueError(f"the models of a system may stand there once, not {', '.join(self.models)}")
        if (len(self.models) == 1) != (self.fusion == "none"):
            raise ValueError(
                f"a system of {len(self.models)} models cannot have the fusion {self.fusion}; none is for one model, "
                "dirichlet and forest for several"
            )
        return self


class ScoringConfig(Section):
    """How sure the scores are."""

    resamples: Annotated[int, Field(ge=100, le=100_000)] = Field(
        description="Times that the videos of a split are drawn anew, with replacement, for its scores' intervals."
    )
    folds: Annotated[int, Field(ge=2, le=100)] = Field(
        description="Folds of validation videos for the nested estimate of each system: what is chosen on validation "
        "is chosen anew on the other folds; fewer where there are fewer videos."
    )
