"""Attention over both modalities: what each mechanism sees, and what it does not."""

import numpy as np
import pytest
import torch
from settings import DYNAMIC

from abaw.attention.model import AttentionFusion
from abaw.config import AttentionNetworkConfig, OverTimeConfig
from abaw.dynamic.model import Windows, predict_windows

SETTINGS = AttentionNetworkConfig(
    **{name: getattr(DYNAMIC, name) for name in OverTimeConfig.model_fields}, modality_dropout=0.0
)


VOICE = 64
"""The width of the voice's embeddings."""


def model_of(task, mechanism, widths=(256, VOICE), **changed):
    torch.manual_seed(0)
    return AttentionFusion(task, mechanism, SETTINGS.model_copy(update={"layers": 2} | changed), widths).eval()


@pytest.mark.parametrize("mechanism", ["self", "cross"])
@pytest.mark.parametrize(("task", "width"), [("va", 2), ("expr", 8)])
def test_outputs_have_a_row_for_each_frame_and_bounds(task, width, mechanism):
    x, mask = torch.randn(3, 7, 256 + VOICE), torch.ones(3, 7, dtype=torch.bool)
    with torch.inference_mode():
        found = model_of(task, mechanism)(x, mask)
    assert found.shape == (3, 7, width)
    assert task == "expr" or found.abs().max() < 1


@pytest.mark.parametrize("mechanism", ["self", "cross"])
def test_each_modality_reaches_every_frame_and_hidden_frames_reach_none(mechanism):
    model = model_of("expr", mechanism)
    x, mask = torch.randn(1, 6, 256 + VOICE), torch.ones(1, 6, dtype=torch.bool)
    mask[0, 3] = False
    seen = mask[0]
    with torch.inference_mode():
        before = model(x, mask)[0]
        for part in (slice(0, 256), slice(256, 256 + VOICE)):
            moved = x.clone()
            moved[0, 0, part] += 5
            assert (model(moved, mask)[0] - before).abs()[seen].amax(dim=1).min() > 1e-4
        hidden = x.clone()
        hidden[0, 3] += 100
        assert torch.equal(model(hidden, mask)[0][seen], before[seen])


def test_one_cross_layer_asks_only_the_other_modality():
    """The face's stream at frame 0 does not see the face of frame 1: that would be self-attention."""
    model = model_of("va", "cross", layers=1)
    face, voice, hidden = torch.randn(1, 4, 256), torch.randn(1, 4, 256), torch.zeros(1, 4, dtype=torch.bool)
    with torch.inference_mode():
        before, _ = model.layers[0]([face, voice], hidden)
        other = face.clone()
        other[0, 1] += 3
        after, _ = model.layers[0]([other, voice], hidden)
    assert torch.equal(before[0, 0], after[0, 0])
    assert not torch.equal(before[0, 1], after[0, 1])


def test_windows_of_both_modalities_are_predicted_like_others():
    values = np.random.default_rng(0).normal(size=(20, 256 + VOICE)).astype(np.float32)
    windows = Windows.over(values, np.arange(20) != 4, [20], 8, torch.device("cpu"))
    rows, outputs = (
        np.concatenate(part) for part in zip(*predict_windows(model_of("va", "self"), windows, 3), strict=True)
    )
    assert set(rows.tolist()) == set(range(20)) - {4}
    assert outputs.shape == (len(rows), 2)


@pytest.mark.parametrize("mechanism", ["self", "cross"])
def test_any_number_of_modalities_reach_every_frame(mechanism):
    widths = (256, VOICE, 20)
    model = model_of("expr", mechanism, widths)
    x, mask = torch.randn(1, 6, sum(widths)), torch.ones(1, 6, dtype=torch.bool)
    with torch.inference_mode():
        before = model(x, mask)[0]
        for part in x.split(widths, dim=-1):
            kept = part.clone()
            part[0, 0] += 5  # a view: it moves the whole
            assert (model(x, mask)[0] - before).abs().amax(dim=1).min() > 1e-4
            part.copy_(kept)


def test_a_token_stands_where_a_modality_has_nothing_and_where_training_leaves_it_out():
    model = model_of("va", "self", modality_dropout=0.5)
    torch.nn.init.normal_(model.missing)
    x, mask = torch.randn(2, 6, 256 + VOICE), torch.ones(2, 6, dtype=torch.bool)
    x[0, 2, 256:] = 0
    assert model._absent(x).nonzero().tolist() == [[1, 0, 2, 0]]
    with torch.inference_mode():
        before = model(x, mask)
        model.missing[1] += 3
        after = model(x, mask)
    assert not torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])  # nothing is missing there
    model.train()
    absent = torch.stack([model._absent(torch.ones(200, 3, 256 + VOICE)) for _ in range(5)])
    assert (absent.sum(dim=1) <= 1).all()  # never both modalities of a frame
    assert absent[..., 0].float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert (absent.amax(dim=3) == absent.amin(dim=3)).all()  # a whole window or nothing of it
