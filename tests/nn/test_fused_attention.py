"""Fused attention: deterministic in its backward pass, and nothing else strict."""

from types import SimpleNamespace

import pytest
import torch
from settings import SHORT_TRAINING
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from abaw.acoustic.encoders.waveform import Small
from abaw.acoustic.encoders.whisper_tiny import WhisperTiny
from abaw.config import ComputeConfig
from abaw.nn import compiling, recording, training
from abaw.nn.attention import attentions, in_order, make_strict
from abaw.nn.compiling import compiled
from abaw.nn.recording import Recorded
from abaw.nn.runtime import half_on_gpu, start

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="only a GPU's attention adds in any order")


class Modes(torch.autograd.Function):
    """An identity whose backward pass writes down torch's deterministic mode."""

    @staticmethod
    def forward(ctx, found, tensor):
        ctx.found = found
        return tensor.clone()

    @staticmethod
    def backward(ctx, gradient):
        ctx.found.append(torch.get_deterministic_debug_mode())
        return None, gradient


@pytest.fixture(autouse=True)
def warns():
    torch.set_deterministic_debug_mode("warn")


def two_layers(inputs, found=None):
    """Two attentions, one on the other, with what writes modes down before, between and after them."""
    for _ in range(2):
        heads = inputs if found is None else Modes.apply(found, inputs)
        inputs = scaled_dot_product_attention(heads, heads, heads) + heads
    return inputs if found is None else Modes.apply(found, inputs)


def test_every_attention_is_found_once_whatever_outputs_share():
    inputs = torch.randn(2, 4, 16, 8, requires_grad=True)
    said = two_layers(inputs)
    found = [*attentions([said.sum(), said.mean(), inputs])]
    assert len(found) == len(set(found)) == 2
    assert all("Attention" in node.name() for node in found)
    assert [*attentions([inputs.detach()])] == []


def test_torch_is_strict_only_while_an_attention_is_computed(monkeypatch):
    """Each change of mode, in order: strict and back for each attention, and warning wherever else one looks."""
    found, changes = [], []
    own = torch.set_deterministic_debug_mode
    monkeypatch.setattr(torch, "set_deterministic_debug_mode", lambda mode: (changes.append(mode), own(mode))[1])
    loss = two_layers(torch.randn(2, 4, 16, 8, requires_grad=True), found).sum()
    for node in attentions([loss]):
        make_strict(node)
    loss.backward()
    assert changes == ["error", 1, "error", 1]
    assert found == [1, 1, 1]


def test_a_mode_that_was_strict_stays_strict():
    torch.set_deterministic_debug_mode("error")
    loss = two_layers(torch.randn(2, 4, 16, 8, requires_grad=True)).sum()
    for node in attentions([loss]):
        make_strict(node)
    loss.backward()
    assert torch.get_deterministic_debug_mode() == 2


def test_gradients_are_those_without():
    inputs = torch.randn(2, 4, 16, 8, requires_grad=True)
    [plain] = torch.autograd.grad(two_layers(inputs).sum(), inputs)
    loss = two_layers(inputs).sum()
    for node in attentions([loss]):
        make_strict(node)
    assert torch.equal(*torch.autograd.grad(loss, inputs), plain)


@pytest.mark.parametrize("kind", [Small, WhisperTiny])
def test_attention_in_layers_that_are_computed_a_second_time_is_found(kind):
    """And they are computed again before torch is strict."""
    encoder, modes = kind(4).train(), []
    encoder.recompute_layers()
    for module in encoder.modules():
        if isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0  # with it a CPU has no fused attention
    for layer in encoder.layers:
        first = next(module for module in layer.modules() if isinstance(module, nn.LayerNorm))
        first.register_forward_hook(lambda *_: modes.append(torch.get_deterministic_debug_mode()))
    loss = encoder(torch.randn(2, 16000)).sum()
    found = [*attentions([loss])]
    assert len(found) == len(encoder.layers)
    for node in found:
        make_strict(node)
    loss.backward()
    assert modes == [1] * (2 * len(encoder.layers))


def test_on_a_cpu_nothing_is_changed(monkeypatch):
    monkeypatch.setattr("abaw.nn.attention.make_strict", lambda node: pytest.fail("a CPU adds in order as it is"))
    in_order([two_layers(torch.randn(2, 4, 16, 8, requires_grad=True))])


def test_each_step_of_a_training_and_of_a_recording_is_put_in_order(monkeypatch):
    """A GPU alone does something there; that it is asked is seen on a CPU, too."""
    asked = []
    monkeypatch.setattr(training, "in_order", asked.append)
    layer = nn.Linear(8, 2)
    items = torch.randn(12, 8)
    settings = SHORT_TRAINING.model_copy(update={"epochs": 2, "batch_size": 4})
    training.fit(layer, lambda batch: layer(items[batch]).square().mean(), 12, lambda: {"m": 0.0}, "m", settings, 0)
    assert [len(losses) for losses in asked] == [1] * 2 * 3
    assert all(loss.grad_fn is not None and loss.ndim == 0 for [loss] in asked)
    asked.clear()
    monkeypatch.setattr(recording, "in_order", asked.append)
    said = recording._Whole(nn.LSTM(8, 2))(items)
    [outputs] = asked
    assert [id(output) for output in outputs] == [id(said[0]), id(said[1][0]), id(said[1][1])]


def test_a_compiled_network_takes_no_fused_attention_where_it_has_to_be_deterministic(monkeypatch):
    taken = []
    monkeypatch.setattr(compiling, "take_no_fused", lambda: taken.append("none"))
    network = nn.Linear(2, 2)
    compiled(network)
    assert taken == []
    monkeypatch.setattr(network, "parameters", lambda: iter([SimpleNamespace(is_cuda=True)]))
    torch.set_deterministic_debug_mode("default")
    compiled(network)
    assert taken == []
    torch.set_deterministic_debug_mode("warn")
    compiled(network)
    assert taken == ["none"]


def on_gpu():
    start(ComputeConfig(device="cuda", threads=1, deterministic=True), seed=1)
    return nn.TransformerEncoderLayer(256, 4, 128, 0.0, batch_first=True).cuda()


def learned(layer, called, batch):
    """The gradients of a step."""
    layer.zero_grad()
    with half_on_gpu(batch.device):
        loss = called(batch).float().square().sum()
    in_order([loss])
    loss.backward()
    return [parameter.grad.clone() for parameter in layer.parameters()]


@needs_gpu
@pytest.mark.parametrize("how", ["as it is", "recorded"])
def test_a_gpu_takes_fused_attention_and_learns_the_same_twice(how):
    layer, batch = on_gpu(), torch.randn(64, 197, 256, device="cuda")
    with half_on_gpu(batch.device):
        assert [node.name() for node in attentions([layer(batch)])] == ["ScaledDotProductFlashAttentionBackward0"]
    called = layer if how == "as it is" else Recorded(layer, 64)
    first = learned(layer, called, batch)
    assert all(all(map(torch.equal, first, learned(layer, called, batch))) for _ in range(5))
    assert torch.get_deterministic_debug_mode() == 1


@needs_gpu
@pytest.mark.parametrize("masked", [False, True])
def test_trainings_on_a_gpu_are_the_same_twice(masked):
    """By the loop of all trainings; where frames are masked torch takes its memory-efficient attention."""
    batch = torch.randn(256, 20, 256, device="cuda")
    mask = torch.rand(256, 20, device="cuda") < 0.3 if masked else None

    def trained():
        layer = on_gpu()

        def loss(items):
            hidden = None if mask is None else mask[items.cuda()]
            return layer(batch[items.cuda()], src_key_padding_mask=hidden).square().mean()

        settings = SHORT_TRAINING.model_copy(update={"epochs": 2, "batch_size": 64})
        training.fit(layer, loss, len(batch), lambda: {"m": 0.0}, "m", settings, 0)
        return [parameter.detach().clone() for parameter in layer.parameters()]

    assert all(map(torch.equal, trained(), trained()))
