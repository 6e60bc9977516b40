"""Processes that end with the one that started them, however that ends, where the system can."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
"""Of Linux's prctl (sys/prctl.h)."""


def end_with_parent() -> None:
    """In a new process, before its program starts (`preexec_fn`): be killed when the one that started it has ended.

    Else it would go on for nobody, or wait for ever.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
