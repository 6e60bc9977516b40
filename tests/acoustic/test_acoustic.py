"""The paper's three acoustic models: their sizes, what is trained, and how windows are augmented."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from settings import ACOUSTIC as SETTINGS
from torch import nn

from abaw.acoustic.augmentation import Augmentation
from abaw.acoustic.encoders.loading import load_encoder
from abaw.acoustic.encoders.waveform import PDEM, LogMel, Wav2Vec2, Wav2Vec2Model
from abaw.acoustic.model import ARCHITECTURES, AudioModel, build
from abaw.acoustic.voices import Voice, VoicedWindows
from abaw.nn.positions import sinusoidal_positions
from abaw.running.errors import UserError
from abaw.timeline.rows import row_times

LAYER = 4 * (1024**2 + 1024) + 2 * 1024 * 4096 + 4096 + 1024 + 4 * 1024
"""Parameters of one encoder layer: four projections, the feed-forward part, two normalisations."""


def counted(parameters) -> int:
    return sum(parameter.numel() for parameter in parameters)


def of_form(task, architecture):
    with torch.device("meta"):  # shapes without memory
        return AudioModel(task, architecture, Wav2Vec2(Wav2Vec2Model(PDEM), 4), 4)


@pytest.mark.parametrize(("architecture", "layers"), [("AudioModelV1", 2), ("AudioModelV2", 2), ("AudioModelV3", 4)])
def test_sizes_on_pdem_s_form(architecture, layers):
    model = of_form("expr", architecture)
    encoder = model.encoder
    assert counted(p for p in encoder.parameters() if p.requires_grad) == layers * LAYER
    assert 160e6 < counted(encoder.parameters()) < 170e6
    width = 256 if architecture == "AudioModelV1" else 1024
    if architecture == "AudioModelV1":
        over_time = 3 * 256 * (1024 + 256 + 2) + 3 * 256 * (256 + 256 + 2)
    else:
        over_time = 2 * (4 * (1024**2 + 1024) + 2 * (1024**2 + 1024) + 4 * 1024)
    aggregate = (5 + 3) * width**2 + 2 * width + 4 * width
    fully_connected = width * 256 + 256 + 256 * 8 + 8
    assert counted(model.over_time.parameters()) == over_time
    assert counted(model.aggregate.parameters()) == aggregate
    assert counted(model.parameters()) - counted(encoder.parameters()) == over_time + aggregate + fully_connected


def test_v2_and_v3_are_transformers_with_32_and_16_heads_and_positions():
    assert ARCHITECTURES["AudioModelV2"].over_time == ARCHITECTURES["AudioModelV3"].over_time == "transformer"
    torch.manual_seed(0)
    model = AudioModel("va", "AudioModelV2", load_encoder("small", 4), 4).eval()
    assert [layer.self_attn.num_heads for layer in model.over_time.layers] == [32, 16]
    x = torch.randn(2, 11, 64)
    with torch.inference_mode():
        expected = x + sinusoidal_positions(11, 64)
        for layer in model.over_time.layers:
            expected = layer(expected)
        torch.testing.assert_close(model.over_time(x), expected)
        swapped = model.over_time(x.flip(1)).flip(1)
    assert not torch.allclose(swapped, expected, atol=1e-3)  # the order of the steps matters


def test_v3_needs_four_encoder_layers_or_a_word():
    with pytest.raises(UserError, match="4 encoder layers are to be trained, but the encoder has only 2"):
        AudioModel("va", "AudioModelV3", load_encoder("small", 4), 4)
    model = AudioModel("va", "AudioModelV3", load_encoder("small", 4), 4, trained_layers=1)
    assert isinstance(model.over_time.layers, nn.ModuleList)
    model = AudioModel("va", "AudioModelV3", load_encoder("small", 4), 4, trained_layers="all")
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_mel_bands_are_those_of_transformers_own_numpy():
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function  # after abaw.nn

    waveforms = torch.randn(2, 64000, generator=torch.Generator().manual_seed(0))
    found = LogMel()(waveforms)
    assert found.shape == (2, 64, 199)
    bands = mel_filter_bank(201, 64, 0.0, 8000.0, 16000, norm=None, mel_scale="htk")
    form = {"window": window_function(400, "hann"), "frame_length": 400, "hop_length": 320, "center": False}
    expected = np.stack([spectrogram(one, **form, power=2.0, mel_filters=bands) for one in waveforms.numpy()])
    np.testing.assert_allclose(found.numpy(), np.log(expected + 1e-3) / 4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(LogMel()(waveforms), found)  # halves would not do for a power spectrum


def test_embeddings_for_attention_are_as_wide_as_the_model():
    for architecture, width in (("AudioModelV1", 256), ("AudioModelV2", 1024), ("AudioModelV3", 1024)):
        with torch.device("meta"):
            model = AudioModel("va", architecture, Wav2Vec2(Wav2Vec2Model(PDEM), 4), 4).eval()
            steps = model.encoder.below(torch.zeros(2, 64000), None, 0)
            assert model.embed(steps, 0).shape == (2, 20, width)


def test_checkpointing_changes_memory_and_no_gradient():
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        settings = SETTINGS.model_copy(update={"gradient_checkpointing": checkpointing})
        model = build("va", "AudioModelV1", settings).train()
        model.over_time.layers.dropout = 0.0
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        torch.manual_seed(1)
        model(torch.randn(2, 16000)).square().mean().backward()
        found.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert len(found[0]) == len(found[1]) > 10
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_each_window_is_changed_in_exactly_one_of_three_ways_and_padding_in_none():
    torch.manual_seed(0)
    augment = Augmentation.of(SETTINGS.model_copy(update={"augmentation": "paper"}))
    assert Augmentation.of(SETTINGS) is None
    waveforms = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (900, 4000)).astype(np.float32))
    known = torch.arange(4000).expand(900, 4000) < 3000
    changed = augment(waveforms, known)
    assert torch.equal(changed[:, 3000:], waveforms[:, 3000:])
    before, after = waveforms[:, :3000], changed[:, :3000]
    turned = (after == -before).all(dim=1)
    ratio = (after / before).median(dim=1, keepdim=True).values
    quieter = ((after / before - ratio).abs().amax(dim=1) < 1e-4) & ~turned
    noisy = ~turned & ~quieter
    for kind in (turned, quieter, noisy):
        assert 250 < kind.sum() < 350
    assert 20 * ratio[quieter].log10().amin() >= -20.01
    assert 20 * ratio[quieter].log10().amax() <= -0.99
    snr_db = 20 * (before[noisy].std(dim=1) / (after - before)[noisy].std(dim=1)).log10()
    assert 9.5 < snr_db.min() < 11
    assert 39 < snr_db.max() < 40.5
    torch.manual_seed(0)
    assert torch.equal(augment(waveforms, known), changed)


def test_a_volume_reaches_the_encoder():
    """A change before the normalisation would be undone by it."""
    track = np.random.default_rng(0).normal(0, 3000, 64000).astype(np.int16)
    voice = Voice("a", track, [(0.0, 4.0)], np.zeros((100, 1)), row_times(101, Fraction(25)))
    windows = VoicedWindows.of("expr", [voice], SETTINGS)
    quieter = Augmentation((10.0, 40.0), (-20.0, -20.0))
    torch.manual_seed(0)
    encoder = load_encoder("small", 4)
    found = torch.cat([quieter(*windows.batch(np.zeros(8, int), encoder)) for _ in range(4)]).std(dim=1)
    assert found.min() == pytest.approx(0.1, abs=1e-3)
    assert found.max() < 1.1
