"""A step of a training over time waits for nothing of its device, and knows which frames have a face all the same."""

import numpy as np
import pytest
import torch
from no_wait import META, nothing_waited_for
from settings import DYNAMIC

from abaw.attention.model import AttentionFusion
from abaw.config import AttentionNetworkConfig, OverTimeConfig
from abaw.dynamic.model import DynamicModel, Windows
from abaw.nn.losses import ccc_loss

ATTENTION = AttentionNetworkConfig(
    **{name: getattr(DYNAMIC, name) for name in OverTimeConfig.model_fields}, modality_dropout=0.3
)
MODELS = {
    "dynamic": lambda: DynamicModel("va", DYNAMIC, 320),
    "one output": lambda: DynamicModel("va", DYNAMIC.model_copy(update={"output": "one"}), 320),
    "self": lambda: AttentionFusion("va", "self", ATTENTION, [256, 64]),
    "cross": lambda: AttentionFusion("va", "cross", ATTENTION, [256, 64]),
}


def windows_on(device):
    """Windows of 20 frames on three sequences, one of which is shorter; a fifth of the frames has no face."""
    rng = np.random.default_rng(0)
    values, has_face = rng.standard_normal((400, 320)).astype(np.float16), rng.random(400) < 0.8
    return Windows.over(values, has_face, [150, 3, 247], 20, device)


@pytest.mark.parametrize("kind", MODELS)
def test_a_step_over_time_reads_nothing_back_from_its_device(kind):
    windows, model = windows_on(META), MODELS[kind]().to(META).train()
    labels = torch.zeros((len(windows.rows), 2), device=META)
    with nothing_waited_for():
        items = torch.tensor([4, 0, 7, 2])
        loss = ccc_loss(model(*windows.batch(items)), windows.take(labels, items))
        loss.backward()
    assert all(parameter.grad is not None and parameter.grad.is_meta for parameter in model.parameters())
    with pytest.raises(RuntimeError, match="meta"):
        loss.item()


@pytest.mark.parametrize("kind", MODELS)
def test_outputs_are_those_of_a_network_that_asks_which_frames_have_a_face(kind):
    windows, model = windows_on(torch.device("cpu")), MODELS[kind]().eval()
    embeddings, has_face, faces = windows.batch(torch.arange(len(windows)))
    assert 0 < len(faces) < has_face.numel()
    assert torch.equal(has_face.flatten()[faces], torch.ones(len(faces), dtype=torch.bool))
    assert len(faces) == has_face.sum()
    with torch.inference_mode():
        assert torch.equal(model(embeddings, has_face, faces), model(embeddings, has_face))
