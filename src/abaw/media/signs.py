"""Signs of life: a decoder that works says so, so that one that hangs is told from one that is slow."""

import time
from collections.abc import Callable

EVERY_S = 1.0
_said_s = time.monotonic()
_say: Callable[[], None] | None = None


def give_signs(say: Callable[[], None]) -> None:
    """Call `say` at most once in `EVERY_S`, when work is done."""
    global _say
    _say = say


def beat() -> None:
    """Some work is done: a packet was read."""
    global _said_s
    if _say is not None and time.monotonic() - _said_s > EVERY_S:
        _said_s = time.monotonic()
        _say()
