"""Functionals over windows against plain loops and hand-worked numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abaw.functional.functionals import window_statistics


def plain(of_sample, times_s, embeddings, has_face, window_s, min_share):
    """Window by window, with nothing shared."""
    found = []
    for sample in np.unique(of_sample):
        own = of_sample == sample
        for number in range(int(times_s[own].max() / window_s) + 1):
            inside = own & (times_s >= number * window_s) & (times_s < (number + 1) * window_s)
            seen = inside & has_face
            if seen.sum() >= 2 and seen.sum() >= min_share * inside.sum():
                part = embeddings[seen]
                found.append((sample, number * window_s, part.mean(axis=0), part.max(axis=0), part.min(axis=0)))
    return found


@given(st.integers(0, 999), st.sampled_from([0.5, 2.0, 3.0]), st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=50)
def test_windows_equal_a_plain_loop(seed, window_s, min_share):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 40, 3)
    of_sample = np.repeat(np.arange(3), lengths)
    times_s = np.concatenate([np.arange(n) / 4 for n in lengths])
    embeddings = rng.normal(size=(len(times_s), 5)).astype(np.float32)
    has_face = rng.random(len(times_s)) < 0.6
    found = window_statistics(of_sample, times_s, embeddings, has_face, window_s, min_share)
    expected = plain(of_sample, times_s, embeddings, has_face, window_s, min_share)
    assert found.of_sample.tolist() == [row[0] for row in expected]
    assert found.start_s.tolist() == [row[1] for row in expected]
    assert (found.end_s - found.start_s == window_s).all()
    if expected:
        np.testing.assert_allclose(found.values["mean"], [row[2] for row in expected], atol=1e-6)
        np.testing.assert_array_equal(found.values["max"], [row[3] for row in expected])
        np.testing.assert_array_equal(found.values["min"], [row[4] for row in expected])
        assert (found.values["min"] <= found.values["mean"] + 1e-6).all()
        assert (found.values["mean"] <= found.values["max"] + 1e-6).all()


def test_hand_worked_numbers():
    times_s = np.array([0.0, 1.0, 2.0, 2.5, 3.0, 4.0])
    values = np.array([[1.0], [3.0], [5.0], [7.0], [100.0], [7.0]])
    seen = np.array([True, True, True, True, False, True])
    found = window_statistics(np.zeros(6, int), times_s, values, seen, 2.0, 0.5)
    assert found.features(["min", "mean"]).tolist() == [[1.0, 2.0], [5.0, 6.0]]  # of a single frame there is no window
    assert found.start_s.tolist() == [0.0, 2.0]
    assert len(window_statistics(np.zeros(6, int), times_s, values, seen, 2.0, 0.7).start_s) == 1


def test_no_frame_and_no_face_give_no_window():
    empty = window_statistics(np.empty(0, int), np.empty(0), np.empty((0, 4)), np.empty(0, bool), 2.0, 0.5)
    assert empty.features(["mean", "max", "min"]).shape == (0, 12)
    faceless = window_statistics(np.zeros(3, int), np.arange(3.0), np.ones((3, 4)), np.zeros(3, bool), 2.0, 0.0)
    assert len(faceless.start_s) == 0


def test_frames_out_of_order_are_refused():
    with pytest.raises(ValueError, match="must not fall"):
        window_statistics(np.zeros(2, int), np.array([3.0, 0.0]), np.ones((2, 4)), np.ones(2, bool), 2.0, 0.0)
