"""A network compiled by torch's compiler for its training: fewer and larger kernels in a step, minutes at its start.

Only the steps of a training run compiled. What is judged, embedded and predicted is computed as it is, and so is every
training on a CPU, whose results are the same to the last bit.
"""

import torch
from torch import nn

from abaw.nn.attention import take_no_fused
from abaw.running.errors import UserError
from abaw.running.machine import check_compiled

BACKEND = "inductor"
FORMS = 64
"""How often a network may be compiled in a training: for whole batches, for the shorter one at the end of an epoch, and
for each again when another layer begins to learn (`abaw.static.layers.unfreezing`)."""


def compiled(network: nn.Module) -> nn.Module:
    """What to call in place of `network` in a training step; it has the same weights, which the network keeps.

    It is compiled at its first call, in as many processes as this one has threads. Where algorithms are deterministic,
    nothing of it is chosen by timing, so that it is the same program each time.
    """
    from torch._dynamo import config as of_forms  # both take longer to load than torch itself
    from torch._inductor import config as of_programs

    of_forms.recompile_limit = FORMS
    of_programs.deterministic = deterministic = torch.are_deterministic_algorithms_enabled()
    if deterministic and any(parameter.is_cuda for parameter in network.parameters()):
        take_no_fused()  # its backward pass is one program, behind which `in_order` sees no attention
    of_programs.compile_threads = torch.get_num_threads()
    return torch.compile(network, backend=BACKEND, dynamic=False)  # type: ignore[return-value]


def check_compiler(device: torch.device) -> None:
    """`UserError` where the device is a CPU, or torch cannot compile for it."""
    check_compiled(int(device.type == "cuda"))
    try_compiler(device)


def try_compiler(device: torch.device) -> None:
    """Compile something small for the device; `UserError` where that fails."""
    try:
        compiled(nn.Tanh())(torch.ones(2, device=device))
    except (RuntimeError, ImportError, OSError) as error:
        why = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(
            f"compute.compile is true, but torch cannot compile for {device.type} here ({why}); it needs a C++ "
            "compiler, Python's headers, and on a GPU the package triton: install them, or set compute.compile to false"
        ) from error
