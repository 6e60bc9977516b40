"""What every section of the configuration is."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values are not changed after reading.

    A job reads one or two of some thirty, so each is made ready when it is first read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)


OUR_INPUTS = ("faces", "voice", "mesh")
"""The embeddings that the workflow makes itself."""


def each_once(values: list[Any]) -> list[Any]:
    """A validator of lists whose values name what is tried: one that stands there twice is an error."""
    if len(set(values)) < len(values):
        raise ValueError("each value may stand there once")
    return values


def word_or_count(words: tuple[str, ...], most: int | None = None) -> BeforeValidator:
    """A validator of what is one of some words or a whole number from 1 on; pydantic's own names its union's parts."""
    numbers = "a whole number from 1 on" if most is None else f"a whole number from 1 to {most}"

    def check(value: Any) -> Any:
        is_count = type(value) is int and value >= 1 and (most is None or value <= most)
        if not is_count and (not isinstance(value, str) or value not in words):
            raise ValueError(f"expected {', '.join(words)} or {numbers}")
        return value

    return BeforeValidator(check)


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Inputs = Annotated[list[Name], Field(min_length=1), AfterValidator(each_once)]
