"""What a team brings of its own, by names of its choice. Only the folder has to be given of each."""

from typing import Annotated

from pydantic import Field

from abaw.config.base import Section


class GivenModelConfig(Section):
    """A model that others have run: its predictions of validation and test (docs/foreign.md).

    NAME is of your choice, in lower case; systems may name it beside the workflow's own models.
    """

    predictions: str = Field(
        min_length=1,
        description="Folder with va_val, va_test, expr_val and expr_test, each .parquet or .csv; those of a challenge "
        "that you do not run may be missing.",
    )
    max_gap_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=2.0,
        description="Longest stretch of a sample, in seconds, without a prediction, over which its neighbours are "
        "interpolated or held; a longer one is an error, for so look files that are short or shifted.",
    )


class GivenEmbeddingConfig(Section):
    """Features of each frame that others have made, which our networks may learn from (docs/foreign.md).

    NAME is of your choice, in lower case; `dynamic.inputs`, `functional.inputs` and `attention.inputs` may name it.
    """

    features: str = Field(
        min_length=1,
        description="Folder with a file for each sample of all splits: SAMPLE.npz, .npy, .parquet, .h5 or .hdf5.",
    )
    max_gap_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=2.0,
        description="Longest stretch of a sample, in seconds, without features; a longer one is an error, for so look "
        "files that are short or shifted. Frames more than half a second from any count as frames without a face.",
    )
