"""What every command shares: one parser with settings as JSON, and errors as sentences."""

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from abaw.errors import UserError

if TYPE_CHECKING:
    from pydantic import BaseModel

Settings = TypeVar("Settings", bound="BaseModel")


def parser(doc: str | None) -> argparse.ArgumentParser:
    """An argument parser whose help is the script's docstring."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def settings_from(model: type[Settings]) -> Callable[[str], Settings]:
    """An argparse type that reads one section of the config, given as JSON."""
    from pydantic import ValidationError  # which Spleeter's environment, where no settings are read, does not have

    def read(text: str) -> Settings:
        try:
            return model.model_validate_json(text)
        except ValidationError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def run(main: Callable[[], None]) -> None:
    """Run a command; a `UserError` ends it with its sentence and exit code 1, without a traceback."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
