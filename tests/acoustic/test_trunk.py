"""The common trunk of models that train together: heard once, for all, and the same after an interruption."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from settings import ACOUSTIC

from abaw.acoustic.encoders.waveform import Small
from abaw.acoustic.encoders.whisper_tiny import WhisperTiny
from abaw.acoustic.model import AudioModel
from abaw.acoustic.training import train_acoustic
from abaw.acoustic.trunk import trunks_of
from abaw.acoustic.voices import Voice, VoicedWindows
from abaw.nn.resume import Resume
from abaw.timeline.rows import row_times

CPU = torch.device("cpu")
BOTH = ["AudioModelV1", "AudioModelV2"]


@pytest.fixture(scope="module")
def windows():
    """Six windows of 4 s."""
    rng = np.random.default_rng(0)
    voices = [
        Voice(
            name,
            rng.integers(-3000, 3000, 16000 * 8).astype(np.int16),
            [(0.0, 8.0)],
            labels,
            row_times(201, Fraction(25)),
        )
        for name, labels in zip("ab", rng.integers(0, 8, (2, 200, 1)).astype(float), strict=True)
    ]
    return VoicedWindows.of("expr", voices, ACOUSTIC)


def settings(encoder="small", trained_layers=1, epochs=2, augmentation="paper"):
    training = ACOUSTIC.training.model_copy(update={"epochs": epochs})
    changes = {"encoder": encoder, "trained_layers": trained_layers, "augmentation": augmentation}
    return ACOUSTIC.model_copy(update=changes | {"training": training})


@pytest.fixture
def calls(monkeypatch):
    """The windows of each call of what lies below the layers that learn, and whether it is in training."""
    found = []
    for kind in (Small, WhisperTiny):

        def below(self, waveforms, known, depth, own=kind.below):
            found.append((len(waveforms), self.training))
            return own(self, waveforms, known, depth)

        monkeypatch.setattr(kind, "below", below)
    return found


def test_a_batch_is_heard_once_for_all_models(windows, calls):
    found = train_acoustic("expr", BOTH, windows, windows, settings(), 0, CPU)
    assert [model.architecture for model, _, _ in found] == BOTH
    assert sum(n for n, training in calls if training) == 2 * len(windows)  # once an epoch
    first, second = (model.encoder.layers for model, _, _ in found)
    assert first[0] is second[0] and first[1] is not second[1]


@pytest.mark.slow
def test_an_exact_trunk_hears_each_window_once_for_all_epochs(windows, calls):
    train_acoustic("expr", BOTH, windows, windows, settings("whisper_tiny_en", 2, 3, "none"), 0, CPU)
    assert calls == [(len(windows), False)]


def test_what_is_kept_is_what_would_be_heard(windows):
    model = AudioModel("expr", "AudioModelV1", WhisperTiny(4), 4)
    [trunk] = trunks_of([model], CPU, 0, None)
    items = np.array([4, 1, 2])
    kept = trunk.training_steps(windows, items, (1, 0)).hidden
    trunk.keeps = False
    torch.testing.assert_close(kept, trunk.steps(windows, items).hidden, atol=1e-4, rtol=1e-4)
    assert trunk.depth == 2 and trunk.frozen


def test_the_trunk_ends_below_the_lowest_layer_that_learns():
    models = [AudioModel("expr", name, WhisperTiny(4), 4) for name in (*BOTH, "AudioModelV3")]
    trunk, *others = trunks_of(models, CPU, 0, None)
    assert trunk.depth == 0 and all(other is trunk for other in others)
    own = trunks_of([AudioModel("expr", name, Small(4), 4, "all") for name in BOTH], CPU, 0, None)
    assert own[0] is not own[1] and not own[0].frozen


def state(found):
    return [tensor for model, _, _ in found for tensor in model.state_dict().values()]


@pytest.mark.slow
def test_a_model_is_the_same_whichever_it_trains_beside(windows):
    together = train_acoustic("expr", BOTH, windows, windows, settings(), 0, CPU)
    for number, name in enumerate(BOTH):
        alone = train_acoustic("expr", [name], windows, windows, settings(), 0, CPU)
        assert all(map(torch.equal, state(alone), state(together[number : number + 1])))


@pytest.mark.parametrize("stopped_at", [3, 5, 6])
@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_weights(windows, tmp_path, monkeypatch, stopped_at):
    """Stopped within an epoch, and after one of the models has ended it while the other has not."""
    undisturbed = train_acoustic("expr", BOTH, windows, windows, settings(epochs=3), 0, CPU)
    resumes = [Resume(tmp_path / f"{name}.pt", "same") for name in BOTH]
    count, own = 0, AudioModel.embed

    def embed(self, steps, depth):
        nonlocal count
        count += self.training
        if count == stopped_at:
            raise KeyboardInterrupt
        return own(self, steps, depth)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(AudioModel, "embed", embed)
        train_acoustic("expr", BOTH, windows, windows, settings(epochs=3), 0, CPU, resumes)
    again = train_acoustic("expr", BOTH, windows, windows, settings(epochs=3), 0, CPU, resumes)
    assert all(map(torch.equal, state(undisturbed), state(again)))
    for (_, one, _), (_, other, _) in zip(undisturbed, again, strict=True):
        assert one.epochs == other.epochs
