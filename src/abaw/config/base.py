"""What every section of the configuration is."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)


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


def expected(what: str) -> WrapValidator:
    """Have one sentence say what a union takes; pydantic's own is one for each of its parts, by their own names."""

    def check(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError as error:
            raise ValueError(f"expected {what}") from error

    return WrapValidator(check)


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Inputs = Annotated[list[Name], Field(min_length=1), AfterValidator(each_once)]
