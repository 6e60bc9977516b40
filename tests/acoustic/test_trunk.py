"""The common trunk of models that train together: heard once, for all, and the same after an interruption."""

import dataclasses
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import pytest
import torch
from no_wait import META, nothing_waited_for
from settings import ACOUSTIC

from abaw.acoustic import kept as kept_module
from abaw.acoustic import trunk as trunk_module
from abaw.acoustic.augmentation import Augmentation
from abaw.acoustic.encoders.base import Steps
from abaw.acoustic.encoders.waveform import SMALL, Small, Wav2Vec2, Wav2Vec2Model, WavLM
from abaw.acoustic.encoders.whisper_tiny import WhisperTiny
from abaw.acoustic.kept import Kept
from abaw.acoustic.model import AudioModel
from abaw.acoustic.training import train_acoustic
from abaw.acoustic.trunk import Trunk, trunks_of
from abaw.acoustic.voices import Places, Voice, VoicedWindows
from abaw.commands.base import _sentence
from abaw.nn.losses import task_loss
from abaw.nn.resume import Resume
from abaw.nn.runtime import sent
from abaw.running.errors import UserError
from abaw.timeline.rows import row_times

CPU = torch.device("cpu")
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
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


def settings(encoder="small", trained_layers=1, epochs=2, augmentation="paper", heard_variants=None):
    training = ACOUSTIC.training.model_copy(update={"epochs": epochs})
    changes = {"encoder": encoder, "trained_layers": trained_layers, "augmentation": augmentation}
    changes["heard_variants"] = heard_variants
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
    heard = Trunk(model.encoder, trunk.depth, CPU, keeps=False).steps(windows, items).hidden
    torch.testing.assert_close(kept, heard, atol=1e-4, rtol=1e-4)
    assert trunk.depth == 2 and trunk.frozen


def test_a_batch_that_is_judged_is_heard_once_for_all_models_and_epochs(windows, calls, monkeypatch):
    """Validation of five windows in batches of up to four, after three epochs and at the end, for two models."""
    own = {name: getattr(windows, name)[1:] for name in ("track", "start_s", "samples", "labels")}
    val = dataclasses.replace(windows, **own)
    chosen = settings(epochs=3)
    chosen = chosen.model_copy(update={"training": chosen.training.model_copy(update={"batch_size": 4})})
    found = train_acoustic("expr", BOTH, windows, val, chosen, 0, CPU)
    assert [call for call in calls if not call[1]] == [(3, False), (2, False)]
    calls.clear()
    monkeypatch.setattr(Kept, "find", lambda *_: None)
    again = train_acoustic("expr", BOTH, windows, val, chosen, 0, CPU)
    assert len([call for call in calls if not call[1]]) == 2 * 2 * 4
    assert all(map(torch.equal, state(found), state(again)))
    for (_, one, scored), (_, other, scored_again) in zip(found, again, strict=True):
        assert one.epochs == other.epochs and torch.equal(one.outputs, other.outputs)
        assert scored.equals(scored_again)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_was_said_comes_back_to_the_last_bit(dtype):
    kept = Kept()
    said = {n: torch.randn(5, n, 8).to(dtype).transpose(0, 1) for n in (3, 2)}
    for n, hidden in said.items():
        assert kept.keep(n, Steps(hidden, {"attention_mask": None}))
    for n, hidden in said.items():
        found = kept.find(n, CPU)
        assert torch.equal(found.hidden, hidden) and found.hidden.dtype == dtype
        assert found.beside == {"attention_mask": None}
    assert kept.find(4, CPU) is None


@needs_full
def test_where_there_is_no_room_validation_is_heard_each_time(windows, calls, monkeypatch, capsys):
    whole = train_acoustic("expr", BOTH, windows, windows, settings(), 0, CPU)
    calls.clear()
    monkeypatch.setattr(kept_module, "TemporaryFile", lambda **_: FULL.open("r+b"))
    again = train_acoustic("expr", BOTH, windows, windows, settings(), 0, CPU)
    assert len([call for call in calls if not call[1]]) == 2 * 2 * 3  # batches, models, epochs and the end
    assert all(map(torch.equal, state(whole), state(again)))
    assert capsys.readouterr().out.count("anew after each epoch: there is no room to keep it ([Errno 28]") == 1
    with pytest.raises(OSError, match="No space left"):
        train_acoustic("expr", BOTH, windows, windows, settings(heard_variants=1), 0, CPU)


@needs_full
def test_a_full_disk_is_said_with_its_folder(monkeypatch):
    monkeypatch.setattr(kept_module, "TemporaryFile", lambda **_: FULL.open("r+b"))
    with pytest.raises(OSError, match=rf"No space left on device: '{gettempdir()}'") as error:
        Kept().keep(0, Steps(torch.zeros(2, 5, 8), {}))
    assert "the disk is full" in _sentence(error.value)


def test_what_has_a_mask_beside_it_is_not_kept():
    kept = Kept()
    assert not kept.keep(0, Steps(torch.zeros(2, 5, 8), {"attention_mask": torch.ones(2, 5)}))
    assert kept.find(0, CPU) is None


def test_variants_are_heard_once_each_and_taken_in_turn(windows, calls):
    """Two forms of six windows in three epochs: the third hears nothing, and learns of the first form again."""
    train_acoustic("expr", BOTH, windows, windows, settings(epochs=3, heard_variants=2), 0, CPU)
    assert [n for n, training in calls if training] == [6, 6]
    [trunk] = trunks_of([AudioModel("expr", "AudioModelV1", Small(4), 4, 1)], CPU, 0, Augmentation.of(settings()), 2)
    items = np.array([4, 0, 2])
    first, second, third = (trunk.training_steps(windows, items, (epoch, 0)).hidden for epoch in (1, 2, 3))
    assert torch.equal(first, third) and not torch.equal(first, second)
    other = trunk.training_steps(windows, items[::-1].copy(), (1, 1)).hidden
    assert torch.equal(other, first.flip(0))


@pytest.mark.parametrize(
    ("family", "seconds", "beside"),
    [
        (Wav2Vec2, (8, 2), "a mask beside them, for a track of 2.00 s is shorter than a window"),
        (WavLM, (8, 8), "relative positions beside them"),
    ],
)
def test_variants_are_refused_where_upper_layers_take_more_than_steps(family, seconds, beside):
    form = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "conv_dim": (8,) * 7}
    form |= {"num_conv_pos_embedding_groups": 4, "feat_extract_norm": "layer"}
    tracks = [np.full(16000 * length_s, 100, np.int16) for length_s in seconds]
    places = Places(4, tracks, np.arange(2), np.zeros(2))
    encoder = family(family.network_class(family.network_class.config_class(**form)), window_s=4)
    encoder.train_only_last(1)
    trunk = Trunk(encoder, 1, CPU, variants=2)
    with pytest.raises(UserError, match=rf"heard_variants is 2, .* of {family.__name__} take {beside}; set it to null"):
        trunk.training_steps(places, np.array([0]), (1, 0))


def test_what_learns_is_heard_anew(windows, calls):
    train_acoustic("expr", BOTH, windows, windows, settings(trained_layers="all", epochs=2), 0, CPU)
    assert [call for call in calls if not call[1]] == [(3, False)] * 2 * 2 * 3  # batches, models, epochs and the end


def test_the_trunk_ends_below_the_lowest_layer_that_learns():
    models = [AudioModel("expr", name, WhisperTiny(4), 4) for name in (*BOTH, "AudioModelV3")]
    trunk, *others = trunks_of(models, CPU, 0, None)
    assert trunk.depth == 0 and all(other is trunk for other in others)
    own = trunks_of([AudioModel("expr", name, Small(4), 4, "all") for name in BOTH], CPU, 0, None)
    assert own[0] is not own[1] and not own[0].frozen


def state(found):
    return [tensor for model, _, _ in found for tensor in model.state_dict().values()]


@pytest.mark.parametrize("heard_variants", [None, 1])
@pytest.mark.slow
def test_a_model_is_the_same_whichever_it_trains_beside(windows, heard_variants):
    chosen = settings(heard_variants=heard_variants)
    together = train_acoustic("expr", BOTH, windows, windows, chosen, 0, CPU)
    for number, name in enumerate(BOTH):
        alone = train_acoustic("expr", [name], windows, windows, chosen, 0, CPU)
        assert all(map(torch.equal, state(alone), state(together[number : number + 1])))


@pytest.mark.parametrize(("stopped_at", "heard_variants"), [(3, None), (5, None), (6, None), (6, 2)])
@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_weights(windows, tmp_path, monkeypatch, stopped_at, heard_variants):
    """Stopped within an epoch, and after one of the models has ended it while the other has not."""
    chosen = settings(epochs=3, heard_variants=heard_variants)
    undisturbed = train_acoustic("expr", BOTH, windows, windows, chosen, 0, CPU)
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
        train_acoustic("expr", BOTH, windows, windows, chosen, 0, CPU, resumes)
    again = train_acoustic("expr", BOTH, windows, windows, chosen, 0, CPU, resumes)
    assert all(map(torch.equal, state(undisturbed), state(again)))
    for (_, one, _), (_, other, _) in zip(undisturbed, again, strict=True):
        assert one.epochs == other.epochs


@pytest.mark.parametrize("architecture", ["AudioModelV2", "AudioModelV3"])
def test_a_step_of_sound_reads_nothing_back_from_its_device(windows, architecture, monkeypatch):
    """AudioModelV1 is left out: on a device without values its recurrent layers take torch minutes."""
    monkeypatch.setattr(trunk_module, "half_on_gpu", lambda device: nullcontext())  # meta has no half precision
    model = AudioModel("expr", architecture, Wav2Vec2(Wav2Vec2Model(SMALL), 4), 4, 1).to(META).train()
    trunk = Trunk(model.encoder, 1, META, 0, Augmentation.of(settings()), keeps=False)
    loss = task_loss("expr", windows.labels, META)
    truth = torch.from_numpy(windows.labels).float()
    items = torch.tensor([3, 0, 1])
    with nothing_waited_for():
        steps = trunk.training_steps(windows, items.numpy(), (1, 0))
        found = loss(model.outputs(model.embed(steps, 1)), sent(truth[items], META))
        found.backward()
    with pytest.raises(RuntimeError, match="meta"):
        found.item()
