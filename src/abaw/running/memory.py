"""What a process does with memory that it has freed."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's mallopt (malloc.h)."""
_KEPT_BYTES = 2**31 - 1


def keep_freed_memory() -> None:
    """Let freed memory stay with the process, to be taken again by the next step or picture.

    glibc gives large blocks back at once and asks for them anew, and the kernel clears each page: more than a quarter
    of a training step of EfficientNet-Lite0, a twentieth of finding people. Other C libraries have no such option.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
