"""From predictions to frames, and what combines them."""

from typing import Annotated

from pydantic import Field

from abaw.config.base import Section


class TimelineConfig(Section):
    """From predictions in time to one row per frame (paper §3.2.3)."""

    smoothing_s: Annotated[float, Field(ge=0, le=20)] = Field(
        description="Length of the Hamming window (paper §3.2.3: 0.5); 0 leaves the predictions as they are."
    )


class FusionConfig(Section):
    """Dirichlet weighted fusion (paper §2.3)."""

    candidates: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        description="Weight matrices drawn from the Dirichlet distribution (authors: 1000); each single model and the "
        "plain mean are always tried as well."
    )
    concentration: Annotated[float, Field(gt=0, le=100)] = Field(
        description="Concentration of the Dirichlet distribution, the same for every model (authors: 1)."
    )
