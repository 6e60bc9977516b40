"""A device whose tensors have no values, so that whoever waits for one is found out without a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

META = torch.device("meta")
"""Its tensors have shapes and no values, so whoever wants to know one gets an error."""


class NothingIsWaitedFor(TorchDispatchMode):
    """Values come to the device without a wait for it; a tensor made there of numbers of the host is waited for."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        if function is torch.ops.aten._to_copy.default and found.is_meta and not args[0].is_meta:
            assert kwargs["non_blocking"]
        return found


def made_on_host(*values, device=None, make=torch.tensor, **form):
    assert device is None or torch.device(device).type == "cpu", "a tensor is made on the device of numbers of the host"
    return make(*values, **form)


@contextmanager
def nothing_waited_for() -> Iterator[None]:
    """In this nothing may wait for `META`."""
    with pytest.MonkeyPatch.context() as patched, NothingIsWaitedFor():
        patched.setattr(torch, "tensor", made_on_host)
        yield
