"""Trainings whose steps a GPU plays back: the same numbers, and a sentence where a network cannot be recorded."""

from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from trained_together import crops, settings_of_phase

from abaw.nn.recording import Recorded, recorded
from abaw.static import training

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="only a GPU plays steps back")


class Waits(nn.Module):
    """A network that asks the GPU for a value before it goes on."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, batch):
        return self.linear(batch) if batch.sum().item() > -1e9 else batch


def test_on_a_cpu_the_network_itself_is_called():
    network = nn.Linear(2, 2)
    assert recorded(network, 8, torch.device("cpu")) is network


def test_a_recording_that_fails_leaves_torch_as_strict_as_it_was(monkeypatch, capfd):
    """As where the memory of a GPU ends in the backward pass of an attention, in which torch is strict."""

    def fails(*_):
        torch.set_deterministic_debug_mode("error")
        raise RuntimeError("CUDA out of memory")

    generator = SimpleNamespace(clone_state=lambda: None, graphsafe_set_state=lambda _: None)
    for name, value in {
        "make_graphed_callables": fails,
        "get_rng_state": lambda _: None,
        "set_rng_state": lambda *_: None,
        "default_generators": {None: generator},
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    torch.set_deterministic_debug_mode("warn")
    network, batch = nn.Linear(4, 4), torch.randn(8, 4)
    assert torch.equal(Recorded(network, 8)(batch), network(batch))
    assert torch.get_deterministic_debug_mode() == 1
    assert "not recorded as a CUDA graph (CUDA out of memory)" in capfd.readouterr().err


@needs_gpu
@pytest.mark.parametrize("unfrozen_layers", [None, 2])
def test_a_recorded_training_is_that_of_the_network_to_the_last_bit(tmp_path, monkeypatch, unfrozen_layers):
    """Whole batches and a shorter one, with dropped paths and normalised batches, and more layers in each epoch."""
    import timm  # after abaw, which makes it importable

    torch.manual_seed(0)
    weights = tmp_path / "tiny.safetensors"
    save_file(timm.create_model("test_efficientnet").state_dict(), weights)
    torch.use_deterministic_algorithms(True, warn_only=True)
    changes = {"backbone": "test_efficientnet", "weights": str(weights), "drop_path": 0.2, "augmentation": "paper"}
    settings = settings_of_phase(changes | {"unfrozen_layers": unfrozen_layers})
    device = torch.device("cuda")

    def trained():
        torch.manual_seed(0)
        model, _, history = training.train_static(crops(42, 1), crops(20, 2), settings, 1, device)
        return history.epochs, {name: value.cpu() for name, value in model.state_dict().items()}

    epochs, state = trained()
    monkeypatch.setattr(training, "recorded", lambda learner, *_: learner)
    plain_epochs, plain_state = trained()
    assert epochs == plain_epochs
    assert [name for name in state if not torch.equal(state[name], plain_state[name])] == []


@needs_gpu
def test_a_network_that_waits_is_computed_as_it_is(capfd):
    network = Waits().cuda()
    batch = torch.randn(8, 4, device="cuda")
    called = Recorded(network, 8)
    for _ in range(2):
        called(batch).sum().backward()
    assert torch.equal(called(batch), network(batch))
    assert capfd.readouterr().err.count("the training is not recorded as a CUDA graph (") == 1


@needs_gpu
def test_shorter_batches_and_judging_do_not_disturb_it():
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).cuda()
    called = Recorded(network, 8)
    batches = [torch.randn(n, 4, device="cuda") for n in (8, 3, 8, 8)]
    found = [called(batch).clone() for batch in batches]
    network[1].reset_running_stats()
    for batch, said in zip(batches, found, strict=True):
        assert torch.equal(network(batch), said)
    network.eval()
    assert not torch.equal(network(batches[0]), found[0])
