"""A step of a training on pictures waits for nothing of its device, which would end the work ahead of it."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from trained_together import settings_of_phase

from abaw.static import learning
from abaw.static.feed import Batch
from abaw.static.model import StaticModel
from abaw.static.spec import StaticSpec

META = torch.device("meta")
"""Its tensors have shapes and no values, so whoever wants to know one gets an error."""
N, SIDE_PX = 256, 32


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


@pytest.mark.parametrize("augmentation", ["paper", "strong"])
@pytest.mark.parametrize("losses", [("ccc", "cross_entropy"), ("rmse", "focal")])
def test_a_step_reads_nothing_back_from_its_device(augmentation, losses, monkeypatch):
    monkeypatch.setattr(learning, "half_on_gpu", lambda device: nullcontext())  # meta has no half precision
    half = (0.5, 0.5, 0.5)
    spec = StaticSpec(("va", "expr"), "test_efficientnet", SIDE_PX, half, half, dropout=0.1, drop_path=0.1)
    model = StaticModel(spec).to(META).train()
    labels = {"va": np.zeros((N, 2)), "expr": np.arange(N) % 8.0}
    labels["va"][::3] = labels["expr"][::5] = np.nan
    changes = {"augmentation": augmentation, "mixup": 0.2, "va_loss": losses[0], "expression_loss": losses[1]}
    loss = learning.picture_loss(model, spec, labels, settings_of_phase(changes), META)
    batch = Batch(torch.arange(N), torch.zeros((N, SIDE_PX, SIDE_PX, 3), dtype=torch.uint8))
    torch.manual_seed(0)
    monkeypatch.setattr(torch, "tensor", made_on_host)
    with NothingIsWaitedFor():
        found = loss(batch)
        found.backward()
    learned = list(model.parameters())
    torch.nn.utils.clip_grad_norm_(learned, 1.0)
    assert all(parameter.grad is not None and parameter.grad.is_meta for parameter in learned)
    with pytest.raises(RuntimeError, match="meta"):
        found.item()
