"""When the target speaker speaks: the mouth, the voice, both; blips, gaps and short runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sounds import spoken

from abaw.acoustic.prediction import Heard, prediction_table
from abaw.config import GateConfig
from abaw.media.sound import MIXTURE_RATE_HZ
from abaw.speech.authors_gate import kept_rows, open_flags
from abaw.speech.gate import authors_runs, common_runs, gated_runs, join_runs, moving_runs, runs_of, tidied
from abaw.speech.resampling import resampled
from abaw.speech.vad import heard_runs

GATE = GateConfig(
    source="mouth",
    rule="movement",
    rate_hz=None,
    min_opening=0.05,
    min_movement=0.02,
    window_s=1.0,
    max_blip_s=0.2,
    max_gap_s=0.5,
    min_run_s=0.5,
)


def with_(**values):
    return GATE.model_copy(update=values)


def moved(times, opening, settings, heard=None):
    """Runs by the rule of this project, which does not look at areas."""
    return gated_runs(times, opening, np.full(len(times), np.nan), settings, heard)


def test_blips_go_before_gaps_are_closed_and_short_runs_after():
    runs = [(0.0, 0.2), (0.4, 0.8), (1.2, 1.5), (3.0, 3.2), (3.4, 3.6), (8.0, 8.4)]
    assert tidied(runs, with_(max_blip_s=0.2, max_gap_s=0.5, min_run_s=0.5)) == [(0.4, 1.5)]
    assert tidied(runs, with_(max_blip_s=0.0, max_gap_s=0.5, min_run_s=0.5)) == [(0.0, 1.5), (3.0, 3.6)]
    assert tidied(runs, with_(max_blip_s=0.2, max_gap_s=0.0, min_run_s=0.0)) == [(0.4, 0.8), (1.2, 1.5), (8.0, 8.4)]


def test_frames_at_an_uneven_rate_are_one_run():
    times = np.arange(40) * 6 * 1001 / 30000  # 5.005 a second have gaps between the fifths of a second
    opening = 0.15 + 0.1 * np.where(np.arange(40) % 2, 1, -1)
    [(start, end)] = moved(times, opening, with_(max_gap_s=0.0))
    assert (start, end) == (0.0, pytest.approx(times[-1] + times[1] / 2))  # half of its own interval


@given(
    opening=st.lists(st.one_of(st.just(np.nan), st.floats(0, 1)), min_size=1, max_size=60),
    window_s=st.sampled_from([0.3, 0.5, 1.0]),
)
def test_the_rule_is_that_of_each_frame_by_itself(opening, window_s):
    """Against numpy's own mean and deviation of each window, which is quadratic."""
    settings = with_(window_s=window_s, min_opening=0.4, min_movement=0.2)
    times, values = np.arange(len(opening)) / 25, np.array(opening)
    speaks, sure = [], []
    for time in times:
        near = values[np.abs(times - time) <= window_s / 2 + 1e-6]
        near = near[~np.isnan(near)]
        mean, deviation = (near.mean(), near.std()) if len(near) >= 2 else (0.0, 0.0)
        speaks.append(mean >= 0.4 and deviation >= 0.2)
        sure.append(abs(mean - 0.4) > 1e-9 and abs(deviation - 0.2) > 1e-9)
    if all(sure):
        assert moving_runs(times, values, settings) == runs_of(np.array(speaks), times)


def test_the_authors_rule_is_theirs_at_the_videos_own_rate():
    """Closed runs of half a second less a frame are kept, and what lasts two seconds, at 30 and at 29.97 frames."""
    for rate in (30.0, 30000 / 1001):
        flags = np.zeros(400, bool)
        flags[40:70], flags[84:120] = True, True  # 14 closed rows between
        flags[150:190], flags[205:250] = True, True  # 15 closed rows between
        flags[300:359] = True  # a row less than two seconds
        kept = kept_rows(flags, rate)
        assert np.flatnonzero(np.diff(kept)).tolist() == [39, 119]
        times = np.arange(400) / rate
        area = np.where(np.arange(400) < 200, 0.1, 0.5)
        assert authors_runs(times, area) == runs_of(kept_rows(open_flags(area), rate), times)


def test_closed_runs_of_twenty_rows_are_two_thirds_of_a_second_at_thirty_frames():
    flags = np.ones(200, bool)
    flags[90:110] = False
    assert not kept_rows(flags, 30)[90:110].any()
    assert kept_rows(flags, 60)[90:110].all()


def test_the_authors_rule_wants_every_frame():
    with pytest.raises(ValidationError, match="rate_hz must be null where rule is authors"):
        GateConfig(**GATE.model_dump() | {"rule": "authors", "rate_hz": 5.0})


runs_of_two = st.lists(st.floats(0, 20), min_size=0, max_size=12, unique=True).map(
    lambda edges: [(a, b) for a, b in zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)]
)


@given(runs_of_two, runs_of_two)
def test_common_runs_are_where_both_are(one, other):
    both = common_runs(one, other)
    for time in np.linspace(0, 20, 101) + 1e-4:
        inside = [any(start <= time < end for start, end in runs) for runs in (one, other, both)]
        assert inside[2] == (inside[0] and inside[1])


def test_silero_hears_speech_and_neither_noise_nor_silence():
    speech = np.concatenate(list(resampled([spoken()], MIXTURE_RATE_HZ, 16000)))
    rng = np.random.default_rng(0)
    quiet = (0.01 * rng.standard_normal(3 * 16000)).astype(np.float32)
    sound = np.concatenate([quiet, speech, quiet, np.zeros(16000, np.float32)])
    runs = heard_runs(np.array_split(sound, 7))
    assert runs == heard_runs([sound]) == heard_runs([sound[:100], sound[100:900], sound[900:]])
    assert runs[0][0] == pytest.approx(3, abs=0.4)
    assert runs[-1][1] == pytest.approx(3 + len(speech) / 16000, abs=0.6)
    assert sum(end - start for start, end in runs) > 0.6 * len(speech) / 16000
    assert heard_runs([]) == heard_runs([np.zeros(32000, np.float32)]) == heard_runs([sound[:500]]) == []


def test_the_source_decides_whether_mouth_or_voice_or_both_count():
    times = np.arange(60) / 5
    opening = np.where((times > 2) & (times < 8), 0.15 + 0.1 * np.where(np.arange(60) % 2, 1, -1), 0.0)
    heard = [(0.0, 1.0), (4.0, 11.0)]
    [mouth] = moved(times, opening, GATE, heard)
    assert mouth == (pytest.approx(2, abs=0.7), pytest.approx(8, abs=0.7))
    assert moved(times, opening, with_(source="vad"), heard) == heard
    assert moved(times, opening, with_(source="both"), heard) == [(4.0, mouth[1])]


def test_predictions_are_marked_by_the_middle_of_their_span():
    begins = np.arange(4.0)
    heard = Heard(begins, begins + 1, np.zeros((4, 2), np.float32), np.zeros((4, 3), np.float32))
    table = prediction_table("va", "a", heard, [(0.6, 2.4), (3.5, 3.6)])
    assert table["voiced"].to_pylist() == [False, True, False, True]
    table = prediction_table("va", "a", heard, [])
    assert table["voiced"].to_pylist() == [False] * 4


def test_lips_that_move_speak_and_an_open_smile_does_not():
    times = np.arange(60) / 5
    opening = np.full(60, 0.15)  # an open smile
    opening[20:40] += 0.1 * np.where(np.arange(20) % 2, 1, -1)  # from 4 s to 8 s the lips move
    [(start, end)] = moved(times, opening, GATE)
    assert start == pytest.approx(4, abs=0.7)
    assert end == pytest.approx(8, abs=0.7)
    assert moved(times, np.full(60, np.nan), GATE) == []
    assert moved(times, opening * 0.1, GATE) == []


def test_short_gaps_are_kept_and_long_ones_are_not():
    assert join_runs([(0, 1), (1.4, 2), (2.6, 3)], 0.5) == [(0, 2), (2.6, 3)]
    assert join_runs([], 0.5) == []
