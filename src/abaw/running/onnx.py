"""ONNX Runtime as all networks in ONNX use it: on a CPU with so many threads, or, for detectors, on a CUDA device.

It loads where a network is started: finding faces by MediaPipe, and nobody's being recognised, needs none.
"""

from functools import cache
from os import PathLike
from typing import TYPE_CHECKING, Any

from abaw.running.errors import UserError

if TYPE_CHECKING:
    import onnxruntime

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def providers(device: str) -> list[str]:
    """What ONNX Runtime shall run on for a `compute.detector_device`; `UserError` where this build of it lacks that."""
    if device == "cpu":
        return [CPU]
    import onnxruntime

    if CUDA not in onnxruntime.get_available_providers():
        raise UserError(
            "compute.detector_device is 'cuda', but this ONNX Runtime has no CUDA provider; install onnxruntime-gpu in "
            "place of onnxruntime, or set it to cpu"
        )
    return [CUDA, CPU]


def check_device(session: Any, device: str) -> None:
    """Raise `UserError` where ONNX Runtime has fallen back to the CPU, which it does without a word."""
    if device == "cuda" and session.get_providers()[0] != CUDA:
        raise UserError(
            "compute.detector_device is 'cuda', but ONNX Runtime could not start on one; mend the driver or install "
            "the CUDA that this onnxruntime-gpu was built for, or set it to cpu"
        )


def options(threads: int, device: str) -> "onnxruntime.SessionOptions":
    """Session options with a bound on the threads, which do not spin while they wait: the decoder can use the core.

    On a CPU all sessions compute in the same memory: two networks in turns need that of the larger one alone.
    """
    import onnxruntime

    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = threads
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if device == "cpu":
        _share_memory()
        chosen.add_session_config_entry("session.use_env_allocators", "1")
    return chosen


@cache
def _share_memory() -> None:
    """Make the memory that sessions share; a process can do so once."""
    import onnxruntime

    kind, use = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    onnxruntime.create_and_register_allocator(onnxruntime.OrtMemoryInfo("Cpu", kind, 0, use), None)


def start_session(path: str | PathLike[str], threads: int, device: str) -> Any:
    """A session of the network in the file `path`; `UserError` where that is no ONNX network."""
    import onnxruntime

    wanted = providers(device)
    try:
        session = onnxruntime.InferenceSession(str(path), options(threads, device), providers=wanted)
    except Exception as error:  # the classes of ONNX Runtime's errors are not public
        raise UserError(f"{path} cannot be read as an ONNX network ({error}); delete it and run again") from error
    check_device(session, device)
    return session
