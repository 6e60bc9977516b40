"""The device and the threads of a job, set once before any tensor is made."""

import os

import torch
from torch import Tensor
from torch.backends import cuda

from abaw.config import ComputeConfig
from abaw.nn.parallel import join, team
from abaw.running.errors import UserError
from abaw.running.memory import give_large_memory_back, keep_freed_memory


def half_on_gpu(device: torch.device) -> torch.autocast:
    """A context in which networks compute in bfloat16 on a GPU that has units for it, elsewhere as they are."""
    has_units = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=has_units)


def sent(values: Tensor, device: torch.device) -> Tensor:
    """Values of the host on the device, without waiting for it."""
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)


def start(compute: ComputeConfig, seed: int, keeps_memory: bool = True) -> torch.device:
    """Set threads, seed, algorithms and precision, and return the device, which is said in the log.

    Algorithms are deterministic, but for a GPU's where `compute.deterministic` is false. Where a GPU computes in
    float32 its matrices are TF32. Who `keeps_memory` is quicker, and grows by what lies between blocks of many sizes.

    Raises `UserError` where the device is cuda and this job sees none.
    """
    if keeps_memory:
        keep_freed_memory()
    else:
        give_large_memory_back()
    torch.set_num_threads(compute.threads)
    torch.manual_seed(seed)
    device, why = _device(compute.device)
    device = join(device)
    quickest = device.type == "cuda" and not compute.deterministic
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS adds in any order
    # The same as use_deterministic_algorithms(True, warn_only=True), which imports torch's compiler: 1.5 s a job.
    torch.set_deterministic_debug_mode("default" if quickest else "warn")
    torch.backends.cudnn.benchmark = quickest
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        cuda.enable_cudnn_sdp(quickest)  # torch's other fused kernels can be deterministic: see `abaw.nn.attention`
    # It would fill all memory that is yet to be written, for nothing: a fifth of a training step on a CPU.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if team().first:
        together = f", {team().size} of them" if team().size > 1 else ""
        print(f"device: {_name(device, compute.threads)}{together}{why}", flush=True)
    return device


def _device(wanted: str) -> tuple[torch.device, str]:
    """The device, and why it is the CPU where it might be another."""
    if wanted == "cpu":
        return torch.device("cpu"), ""
    if torch.cuda.is_available():
        return torch.device("cuda"), ""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    seen = f"torch finds no CUDA device here{f' (CUDA_VISIBLE_DEVICES is {visible})' if visible else ''}"
    if wanted == "cuda":
        raise UserError(f"compute.device is 'cuda', but {seen}; mend the driver or torch, or set it to auto or cpu")
    return torch.device("cpu"), f", for {seen}"


def _name(device: torch.device, threads: int) -> str:
    if device.type == "cpu":
        return f"cpu, {threads} thread{'s' * (threads > 1)}"
    card = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    half = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32, for it has no bfloat16"
    return f"{torch.cuda.get_device_name(device)} (card {card}), {half}"
