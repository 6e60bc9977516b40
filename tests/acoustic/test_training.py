"""The acoustic model on tracks: what it gives, what of it is trained, and on which windows."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from settings import ACOUSTIC

from abaw.acoustic.encoders.loading import load_encoder
from abaw.acoustic.model import AudioModel, steps_per_window
from abaw.acoustic.prediction import hear_track
from abaw.acoustic.training import epoch_candidates, train_acoustic
from abaw.acoustic.voices import Voice, VoicedWindows
from abaw.running.errors import UserError
from abaw.tables.arrays import candidate_outputs
from abaw.timeline.rows import row_times

CPU = torch.device("cpu")


@pytest.mark.parametrize("architecture", ["AudioModelV1", "AudioModelV2"])
@pytest.mark.parametrize(("task", "shape"), [("va", (2, 20, 2)), ("expr", (2, 4, 8))])
def test_the_model_gives_values_five_times_and_classes_once_a_second(task, shape, architecture):
    torch.manual_seed(0)
    model = AudioModel(task, architecture, load_encoder("small", 4), 4).eval()
    outputs = model(torch.randn(2, 64000))
    assert outputs.shape == shape
    assert steps_per_window(task, 4) == shape[1]
    if task == "va":
        assert outputs.abs().max() <= 1


def test_only_the_last_encoder_layers_are_trained():
    model = AudioModel("va", "AudioModelV1", load_encoder("small", 4), 4, 1)
    trained = {name for name, parameter in model.encoder.named_parameters() if parameter.requires_grad}
    assert trained
    assert all(name.startswith("network.encoder.layers.1.") for name in trained)
    with pytest.raises(
        UserError, match=r"3 encoder layers are to be trained, but the encoder has only 2; set acoustic"
    ):
        AudioModel("va", "AudioModelV1", load_encoder("small", 4), 4, 3)


def test_a_whole_track_is_predicted_to_its_end_and_not_beyond():
    torch.manual_seed(0)
    model = AudioModel("expr", "AudioModelV1", load_encoder("small", 4), 4).eval()
    track = np.random.default_rng(0).integers(-3000, 3000, 16000 * 7 + 8000).astype(np.int16)
    begins, ends, values, embeddings = hear_track("expr", model, track, ACOUSTIC, CPU)
    assert sorted(set(begins)) == [0, 1, 2, 3, 4, 5, 5.5, 6.5]  # the last window ends with the track
    assert (ends - begins == 1).all()
    assert values.shape == (len(begins), 8)
    assert embeddings.shape == (len(begins), 256)
    assert len(hear_track("expr", model, track[:0], ACOUSTIC, CPU).begins) == 1


def test_training_windows_without_any_label_are_left_out():
    labels = np.full((250, 1), np.nan)
    labels[:50] = 2
    voice = Voice("a", np.ones(160000, np.int16), [(0.0, 9.0)], labels, row_times(len(labels) + 1, Fraction(25)))
    windows = VoicedWindows.of("expr", [voice], ACOUSTIC)
    assert windows.labels[:, 0].tolist() == [2]
    with pytest.raises(UserError, match="no voiced window of expr has a label"):
        VoicedWindows.of(
            "expr", [Voice("a", voice.track, [], labels, row_times(len(labels) + 1, Fraction(25)))], ACOUSTIC
        )


def test_a_short_run_is_filled_with_the_sound_around_it():
    rng = np.random.default_rng(0)
    track = rng.integers(1, 3000, 16000 * 20).astype(np.int16)  # no sample is zero
    labels = np.full((500, 1), 3.0)
    voice = Voice("a", track, [(0.4, 1.2), (8.0, 9.0), (19.5, 20.0)], labels, row_times(501, Fraction(25)))
    windows = VoicedWindows.of("expr", [voice], ACOUSTIC)
    assert windows.start_s.tolist() == [0.0, 6.5, 16.0]
    assert windows.share_of_sound == 1.0
    waveforms, known = windows.batch(np.arange(3), load_encoder("small", 4))
    assert known.all()
    assert (waveforms == 0).sum() == 0
    assert np.isnan(windows.labels).tolist() == [
        [False, False, True, True],
        [True, False, False, True],
        [True, True, True, False],
    ]
    short = Voice("b", track[:16000], [(0.0, 1.0)], labels, row_times(501, Fraction(25)))
    assert VoicedWindows.of("expr", [short], ACOUSTIC).share_of_sound == 0.25


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_last_window_ends_with_the_track_and_says_only_what_no_other_says(task):
    torch.manual_seed(0)
    model = AudioModel(task, "AudioModelV1", load_encoder("small", 4), 4).eval()
    track = np.random.default_rng(0).integers(-3000, 3000, 16000 * 7 + 5000).astype(np.int16)
    begins, ends, *_ = hear_track(task, model, track, ACOUSTIC, CPU)
    assert ends.max() == pytest.approx(len(track) / 16000)
    length = 1.0 if task == "expr" else 0.2
    on_grid = np.isclose(begins / length, np.round(begins / length))
    middles = (begins + ends) / 2
    assert (middles[~on_grid] >= 6 - 1e-9).all()  # windows from 0 and 2 s reach to 6
    assert on_grid.sum() == 2 * steps_per_window(task, 4)


def test_epochs_are_kept_for_the_nested_estimate():
    rng = np.random.default_rng(0)
    tracks = {name: rng.integers(-3000, 3000, 16000 * 6).astype(np.int16) for name in "ab"}
    labels = rng.integers(0, 8, (150, 1)).astype(float)
    voices = [Voice(name, track, [(0.0, 6.0)], labels, row_times(151, Fraction(25))) for name, track in tracks.items()]
    windows = VoicedWindows.of("expr", voices, ACOUSTIC)
    training = ACOUSTIC.training.model_copy(update={"epochs": 2})
    settings = ACOUSTIC.model_copy(update={"training": training})
    [(model, history, scored)] = train_acoustic(
        "expr", ["AudioModelV1"], windows, windows, settings, 0, CPU, heard=list(tracks.values())
    )
    assert len(scored) == len(windows) * 4
    table = epoch_candidates("expr", windows, tracks, settings, history)
    outputs = candidate_outputs("expr", table)
    assert outputs.shape == (2, len(table), 8)
    predicts = table["predicts"].to_numpy()
    assert (table["chooses"].to_numpy() != predicts).all()
    of_b = predicts & (np.array(table["sample"].to_pylist()) == "b")
    begins, _, said, _ = hear_track("expr", model, tracks["b"], settings, CPU)
    assert table["start_s"].to_numpy()[of_b].tolist() == begins.tolist()
    np.testing.assert_allclose(outputs[history.best_epoch - 1][of_b], said, atol=2e-3)
