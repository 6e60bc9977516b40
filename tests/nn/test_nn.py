"""The training loop and checkpoints."""

import os

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from settings import SHORT_TRAINING as TRAINING
from torch import nn

from abaw.config import TrainingConfig
from abaw.nn import checkpoint
from abaw.nn.resume import Resume
from abaw.nn.training import Group, fit, rate_factor
from abaw.running.errors import UserError
from abaw.weights.cards import read_card

CPU = torch.device("cpu")


def regression(values):
    """A line to learn: batch loss, evaluation that reports the given values in turn, and the model."""
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    inputs = torch.linspace(-1, 1, 9).unsqueeze(1)
    reported = iter(values)
    states = []

    def evaluate():
        states.append(model.weight.item())
        return {"measure": next(reported)}

    return model, states, lambda items: ((model(inputs[items]) - 3 * inputs[items]) ** 2).mean(), evaluate


def test_the_best_epoch_is_kept_and_the_earliest_of_equals():
    model, states, loss, evaluate = regression([0.1, 0.5, 0.5])
    history = fit(model, loss, 9, evaluate, "measure", TRAINING, seed=1)
    assert history.best_epoch == 2
    assert model.weight.item() == states[1]
    assert [epoch["measure"] for epoch in history.epochs] == [0.1, 0.5, 0.5]


def test_training_learns_and_repeats_itself():
    many = TRAINING.model_copy(update={"epochs": 60, "learning_rate": 0.1})
    weights = []
    for _ in range(2):
        model, _, loss, evaluate = regression(range(60))
        fit(model, loss, 9, evaluate, "measure", many, seed=1)
        weights.append(model.weight.item())
    assert weights[0] == weights[1] == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize("optimiser", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("schedule", ["cosine", "restarts", "constant"])
def test_every_optimiser_and_schedule_learns_a_line(optimiser, schedule):
    changed = {"epochs": 60, "learning_rate": 0.1, "optimiser": optimiser, "schedule": schedule}
    model, _, loss, evaluate = regression(range(60))
    fit(model, loss, 9, evaluate, "measure", TRAINING.model_copy(update=changed), seed=1)
    assert model.weight.item() == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize("cycle_epochs", [None, 5])
def test_the_rate_follows_torchs_own_cosine_after_the_warm_up(cycle_epochs):
    """The authors' values: 100 steps of warm-up, then a cosine over five epochs to 0.0001 and back again."""
    changed = {"epochs": 20, "learning_rate": 0.005, "warmup": 100, "cycle_epochs": cycle_epochs}
    settings = TRAINING.model_copy(update=changed | {"lowest_rate": 0.0001})
    factor = rate_factor(settings, epoch_steps=40)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.005)
    falling = 5 * 40 if cycle_epochs else 20 * 40 - 100
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=falling, eta_min=0.0001)
    assert [factor(step) for step in (0, 49, 99)] == pytest.approx([0.01, 0.5, 1.0])
    for step in range(100, 20 * 40):
        assert 0.005 * factor(step) == pytest.approx(reference.get_last_lr()[0], rel=1e-6)
        optimiser.step()
        reference.step()
    share = rate_factor(TRAINING.model_copy(update={"warmup": 0.1, "epochs": 10}), epoch_steps=40)
    assert [share(0), share(39), share(399)] == pytest.approx([1 / 40, 1.0, 0.0], abs=1e-4)


def test_patience_ends_a_training_that_gets_no_better():
    patient = TRAINING.model_copy(update={"epochs": 10, "patience": 2})
    model, _, loss, evaluate = regression([0.1, 0.5, 0.4, 0.3, 0.9])
    history = fit(model, loss, 9, evaluate, "measure", patient, seed=1)
    assert len(history.epochs) == 4
    assert history.best_epoch == 2


def test_a_training_ends_with_the_falls_of_the_rate_that_are_asked_for():
    cycled = TRAINING.model_copy(update={"epochs": 40, "warmup": 0.0, "cycle_epochs": 2, "max_cycles": 2})
    model, _, loss, evaluate = regression(np.arange(40.0))  # which gets better and better
    history = fit(model, loss, 9, evaluate, "measure", cycled, seed=1)
    assert len(history.epochs) == history.best_epoch == 6  # down, up, down
    rate = rate_factor(cycled, epoch_steps=3)
    assert rate(6) < 0.1 < 0.9 < rate(12)
    assert rate(18) < 0.1
    again = cycled.model_copy(update={"schedule": "restarts"})
    assert again.planned_epochs == 4
    assert TRAINING.model_copy(update={"epochs": 5, "cycle_epochs": 2, "max_cycles": 9}).planned_epochs == 5


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"max_cycles": 2}, "max_cycles is 2, but there are no cycles: set cycle_epochs"),
        ({"max_cycles": 2, "cycle_epochs": 2, "schedule": "constant"}, "there are no cycles"),
        ({"patience": 2}, "patience is 2, and the rate is at its lowest every 3 epochs"),
        ({"patience": 9, "cycle_epochs": 5}, "the rate is at its lowest every 10 epochs"),
        ({"patience": 4, "cycle_epochs": 5, "schedule": "restarts"}, "the rate is at its lowest every 5 epochs"),
    ],
)
def test_a_schedule_that_cannot_do_what_is_asked_of_it_is_refused(changed, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TrainingConfig.model_validate(TRAINING.model_dump() | changed)


def noisy_network():
    """A network with dropout and running statistics, its loss and a measure of it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    inputs = torch.randn(20, 3)
    targets = inputs.sum(dim=1, keepdim=True)

    def evaluate():
        return {"measure": -((model(inputs) - targets) ** 2).mean().item()}

    return model, lambda items: ((model(inputs[items]) - targets[items]) ** 2).mean(), evaluate


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(tmp_path):
    longer = TRAINING.model_copy(update={"epochs": 6})
    undisturbed, loss, evaluate = noisy_network()
    expected = fit(undisturbed, loss, 20, evaluate, "measure", longer, seed=1)

    resume = Resume(tmp_path / "resume.pt", "this training")
    model, loss, evaluate = noisy_network()
    calls = iter(range(3))

    def killed():
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return evaluate()

    with pytest.raises(KeyboardInterrupt):
        fit(model, loss, 20, killed, "measure", longer, seed=1, resume=resume)
    model, loss, evaluate = noisy_network()
    ran = []
    history = fit(model, lambda i: ran.append(1) or loss(i), 20, evaluate, "measure", longer, seed=1, resume=resume)
    assert len(ran) == 3 * 5  # three epochs of five steps were left
    assert history == expected
    for name, tensor in undisturbed.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name
    resume.clear()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"not a state", None])
def test_a_state_of_another_training_is_not_taken(tmp_path, content):
    path = tmp_path / "resume.pt"
    if content is None:
        Resume(path, "another").save({"epochs": []})
    else:
        path.write_bytes(content)
    assert Resume(path, "this training").load() is None


def test_a_loss_that_is_not_finite_stops_with_a_sentence():
    model, _, _, evaluate = regression([0.0] * 3)
    with pytest.raises(UserError, match="the loss became nan in epoch 1"):
        fit(model, lambda items: model.weight.sum() * float("nan"), 9, evaluate, "measure", TRAINING, seed=1)
    with pytest.raises(UserError, match="at least two"):
        fit(model, lambda items: model.weight.sum(), 1, evaluate, "measure", TRAINING, seed=1)


def test_weights_come_back_and_changed_ones_are_refused(tmp_path):
    model = nn.Linear(3, 2)
    weights, card = tmp_path / "model.safetensors", tmp_path / "card.json"
    checkpoint.save(model, {"task": "va"}, weights, card)
    first = weights.read_bytes(), card.read_bytes()
    checkpoint.save(model, {"task": "va"}, weights, card)
    assert (weights.read_bytes(), card.read_bytes()) == first
    loaded = checkpoint.load(nn.Linear(3, 2), weights, read_card(card))
    assert torch.equal(loaded.weight, model.weight)
    with pytest.raises(UserError, match="do not fit Linear"):
        checkpoint.load(nn.Linear(4, 2), weights, read_card(card))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="but its card says"):
        checkpoint.load(nn.Linear(3, 2), weights, read_card(card))


def test_restarts_follow_torchs_own():
    changed = {"schedule": "restarts", "learning_rate": 0.005, "warmup": 0.0, "cycle_epochs": 10, "lowest_rate": 0.0001}
    factor = rate_factor(TRAINING.model_copy(update=changed | {"epochs": 30}), epoch_steps=4)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.005)
    reference = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, T_0=40, eta_min=0.0001)
    for step in range(1, 120):  # ours rises to the peak in its first step
        optimiser.step()
        reference.step()
        assert 0.005 * factor(step + 1) == pytest.approx(reference.get_last_lr()[0], rel=1e-6), step


@pytest.mark.parametrize(("clip_norm", "longest"), [(0.5, 0.05), (None, 10.0)])
def test_long_gradients_are_scaled_down_where_that_is_asked_for(clip_norm, longest):
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    changed = {"clip_norm": clip_norm, "optimiser": "sgd", "learning_rate": 0.1, "epochs": 1, "schedule": "constant"}
    settings = TRAINING.model_copy(update=changed | {"warmup": 0.0, "batch_size": 4})
    fit(model, lambda items: -100 * model.weight.sum(), 2, lambda: {"m": 0.0}, "m", settings, seed=0)
    assert model.weight.item() == pytest.approx(longest)


def test_groups_have_their_share_of_the_rate_and_epochs_are_announced():
    model = nn.ModuleList([nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)])
    for layer in model:
        nn.init.zeros_(layer.weight)
    changed = {"clip_norm": None, "optimiser": "sgd", "learning_rate": 0.1, "epochs": 2, "schedule": "constant"}
    announced = []
    history = fit(
        model,
        lambda items: -sum(layer.weight.sum() for layer in model),
        2,
        lambda: {"m": 0.0},
        "m",
        TRAINING.model_copy(update=changed | {"warmup": 0.0}),
        seed=0,
        groups=[Group([model[0].weight]), Group([model[1].weight], 0.1)],
        before_epoch=announced.append,
        outputs=lambda: torch.stack([layer.weight.detach().clone() for layer in model]).half(),
    )
    assert announced == [1, 2]
    assert history.outputs.shape == (2, 2, 1, 1)
    first = history.outputs[0].flatten().tolist()
    assert first == pytest.approx([0.1, 0.01], rel=1e-3)  # the first epoch is kept, the earliest of equals


def test_what_each_epoch_said_survives_a_kill(tmp_path):
    longer = TRAINING.model_copy(update={"epochs": 4})
    found = []
    for killed in (False, True):
        model, loss, evaluate = noisy_network()
        said = lambda: next(model.parameters()).detach().flatten().clone()  # noqa: B023, E731
        resume = Resume(tmp_path / f"{killed}.pt", "this training")
        if killed:
            calls = iter(range(2))
            with pytest.raises(RuntimeError, match="raised StopIteration"):
                fit(
                    model,
                    loss,
                    20,
                    lambda: (next(calls), evaluate())[1],  # noqa: B023
                    "measure",
                    longer,
                    1,
                    resume,
                    outputs=said,
                )
            model, loss, evaluate = noisy_network()
        found.append(fit(model, loss, 20, evaluate, "measure", longer, 1, resume, outputs=said).outputs)
    assert torch.equal(*found)


def test_a_training_goes_on_where_fewer_gpus_are_seen(tmp_path, monkeypatch):
    """Four states were written, one device is left: its state is restored, and no other is asked for."""
    resume, restored = Resume(tmp_path / "resume.pt", "this training"), []
    states = [torch.full((4,), number, dtype=torch.uint8) for number in range(4)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: states)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: restored.append((device, state[0].item())))
    resume.save({"epochs": []})
    assert resume.load() == {"epochs": []}
    assert restored == [(0, 0)]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_weights_are_as_readable_as_the_umask_has_it(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        checkpoint.save(nn.Linear(3, 2), {}, tmp_path / "model.safetensors", tmp_path / "card.json")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    for name in ("model.safetensors", "card.json"):
        assert (tmp_path / name).stat().st_mode & 0o777 == mode


def test_the_last_epoch_is_kept_without_measuring_the_others(tmp_path):
    last = TRAINING.model_copy(update={"keep": "last"})
    model, states, loss, evaluate = regression([0.1])
    history = fit(model, loss, 9, evaluate, "measure", last, seed=1, outputs=lambda: model.weight.detach().clone())
    assert (history.best_epoch, len(states)) == (3, 1)
    assert model.weight.item() == states[0]
    assert [sorted(epoch) for epoch in history.epochs] == [["train_loss"]] * 2 + [["measure", "train_loss"]]
    assert history.outputs.shape[0] == 1
    history.write(tmp_path / "history.csv")
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,train_loss,measure,kept"
    assert [line.split(",")[2:] for line in lines[1:]] == [["", "0"], ["", "0"], ["0.100000", "1"]]


def test_what_is_not_measured_cannot_be_waited_for():
    with pytest.raises(ValidationError, match="keep: last no epoch is measured on the way; set it to null"):
        TrainingConfig.model_validate(TRAINING.model_dump() | {"keep": "last", "patience": 3})


def test_averaged_weights_are_measured_and_kept_and_survive_a_kill(tmp_path):
    """Against the average written out, of what a training without it goes through."""
    averaging = TRAINING.model_copy(update={"epochs": 4, "ema_decay": 0.5, "keep": "last"})
    plain, loss, evaluate = noisy_network()
    kept = {name: tensor.clone() for name, tensor in plain.state_dict().items()}

    class Watched(list):
        def __call__(self, items):
            if self:
                self.take()
            self.append(1)
            return loss(items)

        def take(self):
            share = min(0.5, (1 + len(self)) / (10 + len(self)))
            for name, tensor in plain.state_dict().items():
                kept[name] = share * kept[name] + (1 - share) * tensor

    watched = Watched()
    fit(plain, watched, 20, evaluate, "measure", averaging.model_copy(update={"ema_decay": None}), 1)
    watched.take()
    for killed in (False, True):
        model, loss, evaluate = noisy_network()
        resume = Resume(tmp_path / f"{killed}.pt", "this training")
        if killed:
            calls = iter(range(12))
            with pytest.raises(RuntimeError, match="raised StopIteration"):
                fit(model, lambda i: (next(calls), loss(i))[1], 20, evaluate, "measure", averaging, 1, resume)  # noqa: B023
            model, loss, evaluate = noisy_network()
        fit(model, loss, 20, evaluate, "measure", averaging, 1, resume)
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                torch.testing.assert_close(tensor, kept[name], atol=1e-6, rtol=1e-5)
