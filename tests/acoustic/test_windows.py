"""Windows of speech: where they lie, what is labelled in them, how they are cut and normalised."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abaw.acoustic.waveforms import cut, normalise
from abaw.acoustic.windows import window_labels, windows_in_run, windows_over
from abaw.timeline.rows import row_times


@given(start=st.floats(0, 1000), length=st.floats(0.1, 300), step=st.integers(1, 4), after=st.floats(0, 20))
def test_windows_lie_in_their_run_and_cover_it(start, length, step, after):
    duration = start + length + after
    starts = windows_in_run(start, start + length, 4, step, duration)
    assert starts == sorted(set(starts))
    if length <= 4:
        [only] = starts
        assert only <= start + 1e-6
        assert only + 4 >= start + length - 1e-6
        assert only == 0 or only + 4 <= duration + 1e-6  # nothing beyond the track that could be filled
        assert only >= 0
    else:
        assert starts[0] == start
        assert starts[-1] + 4 == pytest.approx(start + length)
        assert max(np.diff(starts), default=0) <= step + 1e-6


@given(duration=st.floats(0, 10_000), step=st.integers(1, 4))
def test_windows_over_a_recording_leave_nothing_out(duration, step):
    starts = windows_over(duration, 4, step)
    assert starts[0] == 0
    assert starts[:-1] == [k * step for k in range(len(starts) - 1)]
    assert max(np.diff(starts), default=0) <= step + 1e-9
    assert starts[-1] + 4 == pytest.approx(max(duration, 4))


def test_a_second_has_its_most_frequent_class_and_the_lowest_of_equals():
    labels = np.full((125, 1), np.nan)  # 25 frames a second, five seconds
    labels[0:25, 0] = 3
    labels[25:50, 0] = np.repeat([5, 1], [13, 12])  # read at .1, .3, .5 and .7, .9 s: three times 5, twice 1
    labels[50:75, 0] = np.repeat([np.nan, 6, 2], [5, 10, 10])  # unknown once, then twice 6 and twice 2
    found = window_labels("expr", labels, row_times(126, Fraction(25)), 0.0, (0.0, 3.5), 4)
    assert found[:3].tolist() == [3, 5, 2]
    assert np.isnan(found[3])


def test_values_of_a_window_are_read_five_times_a_second_within_the_run():
    labels = np.stack([np.arange(100) / 100, -np.arange(100) / 100], axis=1)  # 20 frames a second
    found = window_labels("va", labels, row_times(101, Fraction(20)), 1.0, (1.3, 3.0), 4)
    assert found.shape == (20, 2)
    assert np.isnan(found[0]).all()  # before the run
    assert found[1:10, 0] == pytest.approx(np.floor((1.3 + 0.2 * np.arange(9)) * 20) / 100)
    assert np.isnan(found[10:]).all()


def test_labels_of_a_variable_rate_are_read_at_their_frames_times():
    labels = np.array([[0.0], [1.0], [2.0], [3.0]])
    edges_s = row_times(5, Fraction(10), (0.0, 0.2, 2.0, 2.5))  # the last row lasts a tenth of a second
    found = window_labels("expr", labels, edges_s, 0.0, (0.0, 4.0), 4)
    assert found[:2].tolist() == [1, 1]
    assert found[2] == 2
    assert np.isnan(found[3])  # nothing after 2.6 s


def test_normalising_ignores_padding_and_survives_silence():
    track = np.random.default_rng(0).normal(500, 3000, 48000).astype(np.int16)
    window, known = cut(track, 1.5, 4)
    assert (known.sum(), window[~known].any()) == (24000, False)
    signal = normalise(window[None], known[None])[0]
    assert signal[known].mean() == pytest.approx(0, abs=1e-4)
    assert signal[known].std() == pytest.approx(1, abs=1e-3)
    assert not signal[~known].any()
    assert not normalise(np.zeros((1, 100), np.int16), np.ones((1, 100), bool)).any()
