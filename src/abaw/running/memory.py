"""What a process does with memory that it has freed."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's mallopt (malloc.h)."""
_KEPT_BYTES = 2**31 - 1
_LARGE_BYTES = 1 << 20


def keep_freed_memory() -> None:
    """Let freed memory stay with the process, to be taken again by the next step or picture.

    glibc gives large blocks back at once and asks for them anew, and the kernel clears each page: more than a quarter
    of a training step of EfficientNet-Lite0, a twentieth of finding people. Other C libraries have no such option.
    """
    _set(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    _set(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def give_large_memory_back() -> None:
    """Give freed blocks of a megabyte or more back to the system at once, all the time.

    glibc by itself soon keeps them, and a long video's job, which frees blocks of many sizes, fills up with gaps:
    separating voices takes 0.47 GB instead of 0.40.
    """
    _set(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _set(option: int, size_bytes: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(option, size_bytes)
