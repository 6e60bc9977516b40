"""The device and the threads of a job, set once before any tensor is made."""

import torch

from abaw.config import ComputeConfig
from abaw.running.errors import UserError


def half_on_gpu(device: torch.device) -> torch.autocast:
    """A context in which networks compute in bfloat16 on a GPU, and as they are on a CPU."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def start(compute: ComputeConfig, seed: int) -> torch.device:
    """Set threads and seed, ask for deterministic algorithms, and return the device; `UserError` without CUDA."""
    torch.set_num_threads(compute.threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    available = torch.cuda.is_available()
    if compute.device == "cuda" and not available:
        raise UserError("compute.device is 'cuda', but torch finds no CUDA device here; set it to auto or cpu")
    return torch.device("cuda" if available and compute.device != "cpu" else "cpu")
