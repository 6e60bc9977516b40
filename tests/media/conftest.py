"""What tests of media share."""

import pytest

from abaw.media import process


def end_workers() -> None:
    """End the decoders that wait for a next request."""
    while process._idle:
        process._idle.pop().end()


@pytest.fixture
def no_workers():
    """A test has decoders of its own, and a function that ends those that wait."""
    end_workers()
    return end_workers
