"""The one exception that is meant for the user, and how several mistakes are told at once."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A mistake that the user can mend: its text is a sentence that names the file, the value and what was expected."""


class BrokenVideoError(UserError):
    """A video that breaks while it is decoded; what came before is good."""


class Mistakes:
    """Gathers the sentences of several mistakes, one a line, each of them once."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the `UserError` that ends the block instead of passing it on."""
        try:
            yield
        except UserError as error:
            self._sentences[str(error)] = None

    def tell(self) -> None:
        """Raise one `UserError` with all sentences kept so far, if there are any."""
        if self._sentences:
            raise UserError("\n".join(self._sentences))
