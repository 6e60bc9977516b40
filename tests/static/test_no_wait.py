"""A step of a training on pictures waits for nothing of its device, which would end the work ahead of it."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from no_wait import META, nothing_waited_for
from trained_together import settings_of_phase

from abaw.static import learning
from abaw.static.feed import Batch
from abaw.static.model import StaticModel
from abaw.static.spec import StaticSpec

N, SIDE_PX = 256, 32


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
    with nothing_waited_for():
        found = loss(batch)
        found.backward()
    learned = list(model.parameters())
    torch.nn.utils.clip_grad_norm_(learned, 1.0)
    assert all(parameter.grad is not None and parameter.grad.is_meta for parameter in learned)
    with pytest.raises(RuntimeError, match="meta"):
        found.item()
