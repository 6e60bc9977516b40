"""What the machine of a run has, as far as its scheduler must know: memory, and whether there is a GPU."""

import os
from pathlib import Path

from abaw.running.errors import UserError

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_DEVICES = ("nvidia[0-9]*", "dxg", "kfd")
"""What a driver makes in /dev: NVIDIA's, that of Windows' subsystem, and AMD's, which torch calls cuda as well."""


def total_memory_mb() -> int:
    """Megabytes of memory that this process and its children may use together: the machine's, or its container's."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in map(Path, _LIMITS):
        text = path.read_text().strip() if path.is_file() else "max"
        limits += [int(text)] if text.isdigit() else []
    return min(limits) // 1_000_000


def usable_cores() -> int:
    """Cores that this process may use: what the system lets it have, where it says so (macOS does not)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Whether a driver has put a GPU here; quick, without torch, which takes seconds to ask."""
    return any(next(devices.glob(pattern), None) for pattern in _DEVICES)


def gpus_wanted(device: str, one_machine: bool) -> int:
    """How many GPUs a job with this `compute.device` asks for; where it is auto, one where there may be one.

    A cluster has some for whoever asks; one machine has them or not, and without them nothing has to queue for one.
    """
    return int(device == "cuda" or (device == "auto" and (not one_machine or has_gpu())))


def check_gpus(wanted: int, there: int) -> None:
    """Raise `UserError` where a training wants more GPUs than this run may use on its machine."""
    if wanted > there:
        raise UserError(
            f"compute.gpus asks for {wanted} GPUs for one training, but this run may use {there}; say "
            f"--resources gpu={wanted} if the machine has them"
        )


def check_compiled(gpus: int) -> None:
    """Raise `UserError` where trainings are to be compiled without a GPU."""
    if not gpus:
        raise UserError(
            "compute.compile is true, but there is no GPU here, and on a CPU trainings stay the same to the last bit; "
            "set compute.compile to false"
        )
