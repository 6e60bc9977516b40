"""The acoustic model on tracks: what it gives, what of it is trained, and on which windows."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from settings import ACOUSTIC

from abaw.acoustic.encoder import load_encoder
from abaw.acoustic.model import AudioModel, steps_per_window
from abaw.acoustic.training import Voice, VoicedWindows, predict_track
from abaw.running.errors import UserError
from abaw.timeline.rows import row_times

CPU = torch.device("cpu")


@pytest.mark.parametrize("architecture", ["AudioModelV1", "AudioModelV2"])
@pytest.mark.parametrize(("task", "shape"), [("va", (2, 20, 2)), ("expr", (2, 4, 8))])
def test_the_model_gives_values_five_times_and_classes_once_a_second(task, shape, architecture):
    torch.manual_seed(0)
    model = AudioModel(task, architecture, load_encoder(ACOUSTIC), 4).eval()
    outputs = model(torch.randn(2, 64000))
    assert outputs.shape == shape
    assert steps_per_window(task, 4) == shape[1]
    if task == "va":
        assert outputs.abs().max() <= 1


def test_only_the_last_encoder_layers_are_trained():
    model = AudioModel("va", "AudioModelV1", load_encoder(ACOUSTIC), 4, 1)
    trained = {name for name, parameter in model.encoder.named_parameters() if parameter.requires_grad}
    assert trained
    assert all(name.startswith("encoder.layers.1.") for name in trained)
    with pytest.raises(
        UserError, match=r"3 encoder layers are to be trained, but the encoder has only 2; set acoustic"
    ):
        AudioModel("va", "AudioModelV1", load_encoder(ACOUSTIC), 4, 3)


def test_a_whole_track_is_predicted_to_its_end_and_not_beyond():
    torch.manual_seed(0)
    model = AudioModel("expr", "AudioModelV1", load_encoder(ACOUSTIC), 4).eval()
    track = np.random.default_rng(0).integers(-3000, 3000, 16000 * 7 + 8000).astype(np.int16)
    begins, ends, values = predict_track("expr", model, track, ACOUSTIC, CPU)
    assert sorted(set(begins)) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert (ends - begins == 1).all()
    assert values.shape == (len(begins), 8)
    assert len(predict_track("expr", model, track[:0], ACOUSTIC, CPU)[0]) == 1


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
