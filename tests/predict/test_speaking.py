"""Who speaks: lips and voice together."""

import numpy as np
import pytest
import soundfile
from small_bundle import DEFAULT

from abaw.config import GateConfig
from abaw.predict.speaking import a_voice, heard_in, spoken_runs
from abaw.speech.audio import read_flac

GATE = GateConfig.model_validate(DEFAULT["speech"]["gate"] | {"max_gap_s": 0.5, "max_blip_s": 0.1, "min_run_s": 0.0})


def test_lips_that_move_in_silence_do_not_speak():
    lips = [(0.0, 2.0), (3.0, 4.0), (6.0, 9.0)]
    heard = [(0.5, 1.0), (1.2, 2.5), (5.0, 6.05), (7.0, 8.0)]
    assert spoken_runs(lips, heard, GATE) == [(0.5, 2.0), (7.0, 8.0)]  # a short gap is closed, a blip is dropped
    assert spoken_runs(lips, [], GATE) == []
    assert spoken_runs(lips, None, GATE) == lips


def test_a_voice_is_heard_where_there_is_one(shared, tmp_path):
    """Half a minute of two speakers, after ten seconds of silence, at the 16 kHz of the voice's track."""
    dialogue, rate_hz = soundfile.read(shared / "media" / "dialogue" / "sample.wav", dtype="float32")
    assert rate_hz == 16_000
    path = tmp_path / "voice.flac"
    soundfile.write(path, np.concatenate([np.zeros(10 * rate_hz, np.float32), dialogue]), rate_hz)
    heard = heard_in(path, has_audio=True)
    assert heard[0][0] >= 10
    assert sum(end - start for start, end in heard) > 15
    [run] = spoken_runs([(5.0, 40.0)], [(heard[0][0], heard[-1][1])], GATE)
    assert run == pytest.approx((heard[0][0], heard[-1][1]))
    assert heard_in(path, has_audio=False) is None and heard_in(None, has_audio=True) is None


def test_nothing_is_heard_in_a_silent_track(tmp_path):
    soundfile.write(tmp_path / "voice.flac", np.zeros(50_000, np.int16), 16_000)
    assert heard_in(tmp_path / "voice.flac", has_audio=True) == []


def test_models_hear_the_voice_where_anybody_speaks_and_silence_where_nobody_does(tmp_path):
    track = tmp_path / "voice.flac"
    soundfile.write(track, np.ones(50_000, np.int16), 16_000)
    with a_voice(track, anybody_speaks=True) as heard:
        assert heard == track
    with a_voice(None, anybody_speaks=False) as heard:
        assert heard is None
    with a_voice(track, anybody_speaks=False) as heard:
        assert heard != track and len(read_flac(heard)) == 16_000 and not read_flac(heard).any()
    assert not heard.exists() and read_flac(track).all()
