"""Audio, the mouth gate, windows of speech, and the acoustic model."""

import sys
from fractions import Fraction

import av
import extract_audio
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import SHORT_TRAINING
from safetensors.torch import load_file, save_file

from abaw.config import AcousticNetworkConfig, GateConfig
from abaw.errors import UserError
from abaw.nn.acoustic import AudioModel, cut, normalise, steps_per_window
from abaw.nn.acoustic_training import Voice, VoicedWindows, predict_track
from abaw.nn.resampling import to_mono
from abaw.nn.speech_encoder import Wav2Vec2Config, Wav2Vec2Model, licence_of, load_encoder
from abaw.rows import row_times
from abaw.speech.audio import extract_stereo, read_flac, write_flac
from abaw.speech.gate import join_runs, voiced_runs
from abaw.speech.windows import window_labels, windows_in_run, windows_over

GATE = GateConfig(
    source="mouth",
    rule="movement",
    min_opening=0.05,
    min_movement=0.02,
    window_s=1.0,
    max_blip_s=0.2,
    max_gap_s=0.5,
    min_run_s=0.5,
)
SETTINGS = AcousticNetworkConfig(
    encoder="small",
    window_s=4,
    step_s=2,
    trained_layers=None,
    gradient_checkpointing=False,
    augmentation="none",
    label_smoothing=0.2,
    training=SHORT_TRAINING.model_copy(update={"epochs": 1, "learning_rate": 0.001, "warmup": 0.0}),
)
CPU = torch.device("cpu")


def write_sound(path, samples, rate_hz, codec, layout="mono"):
    """Write a sound of float samples (channels, n) into the container that the suffix names."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate_hz, layout=layout)
        kind = stream.codec_context.format.name
        whole = {"s16": np.int16, "s32": np.int32}.get(kind.removesuffix("p"))
        data = (samples * np.iinfo(whole).max).astype(whole) if whole else samples
        if not kind.endswith("p"):
            data = data.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=kind, layout=layout)
        frame.sample_rate = rate_hz
        output.mux([packet for part in (frame, None) for packet in stream.encode(part)])
    return path


def stored_encoder(folder, card=None):
    """A small encoder in a folder, with the names of a checkpoint of 2022 that has another head on it."""
    torch.manual_seed(0)
    form = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = Wav2Vec2Config(**form, conv_dim=(32,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
    encoder = Wav2Vec2Model(config)
    config.save_pretrained(folder)
    norms = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    state = {"classifier.dense.weight": torch.zeros(3, 64)}
    for name, value in encoder.state_dict().items():
        end = next((end for end in norms if name.endswith(end)), "")
        state["wav2vec2." + name.removesuffix(end) + norms.get(end, "")] = value.clone()
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    if card:
        (folder / "README.md").write_text(card)
    return encoder


def heard(path):
    """The sound of a file as the models hear it without a separator, (n,) at 16 kHz."""
    blocks = (block.T.astype(np.float32) / 32768 for block in extract_stereo(path))
    return np.concatenate(list(to_mono(blocks, 16000)))


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "layout", "channels"),
    [
        ("a b's.mp4", "aac", 44100, "stereo", 2),
        ("-x:y.avi", "libmp3lame", 48000, "mono", 1),
        ("8k.mkv", "pcm_s16le", 8000, "mono", 1),
        ("192k.mkv", "pcm_s16le", 192000, "stereo", 2),
        ("eight.mkv", "pcm_s16le", 48000, "7.1", 8),
    ],
)
def test_audio_comes_out_at_16_khz_where_it_was(tmp_path, name, codec, rate_hz, layout, channels):
    times = np.arange(2 * rate_hz) / rate_hz
    tone = 0.5 * np.sin(2 * np.pi * 440 * times) * (times >= 1)  # silent for one second, then a tone
    path = write_sound(tmp_path / name, np.tile(tone.astype(np.float32), (channels, 1)), rate_hz, codec, layout)
    track = heard(path)
    assert len(track) == pytest.approx(32000, abs=1700)
    onset = np.flatnonzero(np.abs(track) > 0.1)[0] / 16000
    assert onset == pytest.approx(1.0, abs=0.06)
    assert np.abs(track[18000:30000]).max() == pytest.approx(0.5, abs=0.05)
    assert np.array_equal(heard(path), track)


def test_audio_that_cannot_be_decoded_is_a_sentence(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("not a video")
    with pytest.raises(UserError, match=r"the audio of .*text\.mp4 cannot be decoded"):
        heard(path)


@pytest.mark.parametrize(("policy", "said"), [("stop", None), ("skip", "1.00 s of silence, for the audio of")])
def test_sound_that_cannot_be_decoded_is_silence_where_unreadable_videos_are_skipped(tmp_path, capsys, policy, said):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        film = output.add_stream("mpeg4", rate=25)
        film.width = film.height = 32
        film.pix_fmt = "yuv420p"
        sound = output.add_stream("pcm_s16le", rate=16000, layout="mono")
        for _ in range(25):
            output.mux(film.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16000
        output.mux(sound.encode(frame))
        output.mux(film.encode())
        output.mux(sound.encode())
    raw = path.read_bytes()
    assert raw.count(b"A_PCM/INT/LIT") == 1
    path.write_bytes(raw.replace(b"A_PCM/INT/LIT", b"A_UNKNOWN/XYZ"))  # a codec that no decoder knows
    arguments = ["--video", str(path), "--on-unreadable", policy, "--output", str(tmp_path / "out" / "a.flac")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["extract_audio.py", *arguments])
        if said is None:
            with pytest.raises(UserError, match=r"a\.mkv cannot be decoded"):
                extract_audio.main()
            assert list((tmp_path / "out").iterdir()) == []
            return
        extract_audio.main()
    assert said in capsys.readouterr().out
    assert not read_flac(tmp_path / "out" / "a.flac").any()


def test_flac_keeps_every_sample(tmp_path):
    samples = np.random.default_rng(0).integers(-32768, 32767, 5000).astype(np.int16)
    assert write_flac(np.array_split(samples, 3), 16000, 1, tmp_path / "a.flac") == 5000
    assert np.array_equal(read_flac(tmp_path / "a.flac"), samples)


def test_lips_that_move_speak_and_an_open_smile_does_not():
    times = np.arange(60) / 5
    opening = np.full(60, 0.15)  # an open smile
    opening[20:40] += 0.1 * np.where(np.arange(20) % 2, 1, -1)  # from 4 s to 8 s the lips move
    [(start, end)] = voiced_runs(times, opening, 5, GATE)
    assert start == pytest.approx(4, abs=0.7)
    assert end == pytest.approx(8, abs=0.7)
    assert voiced_runs(times, np.full(60, np.nan), 5, GATE) == []
    assert voiced_runs(times, opening * 0.1, 5, GATE) == []


def test_short_gaps_are_kept_and_long_ones_are_not():
    assert join_runs([(0, 1), (1.4, 2), (2.6, 3)], 0.5) == [(0, 2), (2.6, 3)]
    assert join_runs([], 0.5) == []


@given(start=st.floats(0, 1000), length=st.floats(0.1, 300), step=st.integers(1, 4))
def test_windows_lie_in_their_run_and_cover_it(start, length, step):
    starts = windows_in_run(start, start + length, 4, step)
    assert starts == sorted(set(starts))
    assert starts[0] == start
    if length <= 4:
        assert starts == [start]
    else:
        assert starts[-1] + 4 == pytest.approx(start + length)
        assert max(np.diff(starts), default=0) <= step + 1e-6


@given(duration=st.floats(0, 10_000), step=st.integers(1, 4))
def test_windows_over_a_recording_leave_nothing_out(duration, step):
    starts = windows_over(duration, 4, step)
    assert starts[0] == 0
    assert starts[-1] + 4 >= duration - 1e-9
    assert starts == [k * step for k in range(len(starts))]
    assert len(starts) == 1 or starts[-2] + 4 < duration + 1e-9


def test_a_second_has_its_most_frequent_class_and_the_lowest_of_equals():
    labels = np.full((125, 1), np.nan)  # 25 frames a second, five seconds
    labels[0:25, 0] = 3
    labels[25:50, 0] = np.repeat([5, 1], [13, 12])  # read at .1, .3, .5 and .7, .9 s: three times 5, twice 1
    labels[50:75, 0] = np.repeat([np.nan, 6, 2], [5, 10, 10])  # unknown once, then twice 6 and twice 2
    found = window_labels("expr", labels, row_times(126, Fraction(25)), 0.0, 3.5, 4)
    assert found[:3].tolist() == [3, 5, 2]
    assert np.isnan(found[3])


def test_values_of_a_window_are_read_five_times_a_second_up_to_the_end_of_the_run():
    labels = np.stack([np.arange(100) / 100, -np.arange(100) / 100], axis=1)  # 20 frames a second
    found = window_labels("va", labels, row_times(101, Fraction(20)), 1.0, 3.0, 4)
    assert found.shape == (20, 2)
    assert found[:10, 0] == pytest.approx(np.floor((1.1 + 0.2 * np.arange(10)) * 20) / 100)
    assert np.isnan(found[10:]).all()


def test_labels_of_a_variable_rate_are_read_at_their_frames_times():
    labels = np.array([[0.0], [1.0], [2.0], [3.0]])
    edges_s = row_times(5, Fraction(10), (0.0, 0.2, 2.0, 2.5))  # the last row lasts a tenth of a second
    found = window_labels("expr", labels, edges_s, 0.0, 4.0, 4)
    assert found[:2].tolist() == [1, 1]
    assert found[2] == 2
    assert np.isnan(found[3])  # nothing after 2.6 s


@pytest.mark.parametrize("architecture", ["AudioModelV1", "AudioModelV2"])
@pytest.mark.parametrize(("task", "shape"), [("va", (2, 20, 2)), ("expr", (2, 4, 8))])
def test_the_model_gives_values_five_times_and_classes_once_a_second(task, shape, architecture):
    torch.manual_seed(0)
    model = AudioModel(task, architecture, load_encoder(SETTINGS), 4).eval()
    outputs = model(torch.randn(2, 64000))
    assert outputs.shape == shape
    assert steps_per_window(task, 4) == shape[1]
    if task == "va":
        assert outputs.abs().max() <= 1


def test_only_the_last_encoder_layers_are_trained():
    model = AudioModel("va", "AudioModelV1", load_encoder(SETTINGS), 4, 1)
    trained = {name for name, parameter in model.encoder.named_parameters() if parameter.requires_grad}
    assert trained
    assert all(name.startswith("encoder.layers.1.") for name in trained)
    with pytest.raises(
        UserError, match=r"3 encoder layers are to be trained, but the encoder has only 2; set acoustic"
    ):
        AudioModel("va", "AudioModelV1", load_encoder(SETTINGS), 4, 3)


def test_an_encoder_folder_loads_exactly_and_an_incomplete_one_is_refused(tmp_path):
    encoder = stored_encoder(tmp_path / "whole", card="---\nlicense: cc-by-nc-sa-4.0\n---\nA model.\n")
    settings = SETTINGS.model_copy(update={"encoder": str(tmp_path / "whole")})
    loaded = load_encoder(settings)
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), loaded.parameters(), strict=True))
    assert licence_of(settings.encoder) == "cc-by-nc-sa-4.0"
    weights = tmp_path / "whole" / "model.safetensors"
    whole = load_file(weights)
    for name in ("encoder.layers.0.attention.k_proj.weight", "encoder.pos_conv_embed.conv.weight_g"):
        save_file({key: value for key, value in whole.items() if key != f"wav2vec2.{name}"}, weights, {"format": "pt"})
        with pytest.raises(UserError, match=r"lack encoder\.(layers\.0\.attention\.k_proj|pos_conv_embed\.conv)"):
            load_encoder(settings)
    with pytest.raises(UserError, match="neither 'small' nor a folder"):
        load_encoder(SETTINGS.model_copy(update={"encoder": "nowhere"}))


def test_an_encoder_is_found_by_its_id(tmp_path, monkeypatch):
    """As it lies in Hugging Face's own cache, from which its library reads it without the network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    name, commit = "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim", "0" * 40
    stored = tmp_path / f"models--{name.replace('/', '--')}"
    encoder = stored_encoder(stored / "snapshots" / commit)
    (stored / "refs").mkdir()
    (stored / "refs" / "v1").write_text(commit)
    settings = SETTINGS.model_copy(update={"encoder": f"{name}@v1"})
    loaded = load_encoder(settings)
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), loaded.parameters(), strict=True))
    assert licence_of(settings.encoder) == "cc-by-nc-sa-4.0"
    with pytest.raises(UserError, match=r"the encoder audeering/nothing cannot be loaded"):
        load_encoder(SETTINGS.model_copy(update={"encoder": "audeering/nothing"}))


def test_normalising_ignores_padding_and_survives_silence():
    track = np.random.default_rng(0).normal(500, 3000, 48000).astype(np.int16)
    window, known = cut(track, 1.0, 2.5, 4)
    assert (known.sum(), window[~known].any()) == (24000, False)
    signal = normalise(window[None], known[None])[0]
    assert signal[known].mean() == pytest.approx(0, abs=1e-4)
    assert signal[known].std() == pytest.approx(1, abs=1e-3)
    assert not signal[~known].any()
    assert not normalise(np.zeros((1, 100), np.int16), np.ones((1, 100), bool)).any()


def test_a_whole_track_is_predicted_to_its_end_and_not_beyond():
    torch.manual_seed(0)
    model = AudioModel("expr", "AudioModelV1", load_encoder(SETTINGS), 4).eval()
    track = np.random.default_rng(0).integers(-3000, 3000, 16000 * 7 + 8000).astype(np.int16)
    begins, ends, values = predict_track("expr", model, track, SETTINGS, CPU)
    assert sorted(set(begins)) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert (ends - begins == 1).all()
    assert values.shape == (len(begins), 8)
    assert len(predict_track("expr", model, track[:0], SETTINGS, CPU)[0]) == 1


def test_training_windows_without_any_label_are_left_out():
    labels = np.full((250, 1), np.nan)
    labels[:50] = 2
    voice = Voice("a", np.ones(160000, np.int16), [(0.0, 9.0)], labels, row_times(len(labels) + 1, Fraction(25)))
    windows = VoicedWindows.of("expr", [voice], SETTINGS)
    assert windows.labels[:, 0].tolist() == [2]
    with pytest.raises(UserError, match="no voiced window of expr has a label"):
        VoicedWindows.of(
            "expr", [Voice("a", voice.track, [], labels, row_times(len(labels) + 1, Fraction(25)))], SETTINGS
        )
