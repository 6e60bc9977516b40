"""ONNX Runtime as the detectors use it: on a CPU with so many threads, or on a CUDA device."""

from os import PathLike
from typing import Any

import onnxruntime

from abaw.running.errors import UserError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def providers(device: str) -> list[str]:
    """What ONNX Runtime shall run on for a `compute.device`: auto takes CUDA where this build of it has it."""
    available = onnxruntime.get_available_providers()
    if device == "cuda" and CUDA not in available:
        raise UserError(
            "compute.device is 'cuda', but this ONNX Runtime has no CUDA provider; install onnxruntime-gpu in place of "
            "onnxruntime, or set it to auto or cpu"
        )
    return [CUDA, CPU] if device != "cpu" and CUDA in available else [CPU]


def options(threads: int) -> onnxruntime.SessionOptions:
    """Session options with a bound on the threads, which do not spin while they wait: the decoder can use the core."""
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = threads
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


def start_session(path: str | PathLike[str], threads: int, device: str) -> Any:
    """A session of the network in the file `path`; `UserError` where that is no ONNX network."""
    try:
        return onnxruntime.InferenceSession(str(path), options(threads), providers=providers(device))
    except Exception as error:  # the classes of ONNX Runtime's errors are not public
        raise UserError(f"{path} cannot be read as an ONNX network ({error}); delete it and run again") from error
