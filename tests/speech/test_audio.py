"""Audio tracks as files."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from abaw.speech.audio import Track, read_flac, write_flac


def test_flac_keeps_every_sample(tmp_path):
    samples = np.random.default_rng(0).integers(-32768, 32767, 5000).astype(np.int16)
    assert write_flac(np.array_split(samples, 3), 16000, 1, tmp_path / "a.flac") == 5000
    assert np.array_equal(read_flac(tmp_path / "a.flac"), samples)


@given(spans=st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 12_000)), min_size=1, max_size=8))
def test_a_track_in_a_file_has_the_slices_of_the_array(tmp_path_factory, spans):
    samples = np.random.default_rng(1).integers(-32768, 32767, 9_999).astype(np.int16)
    path = tmp_path_factory.mktemp("track") / "a.flac"
    write_flac([samples], 16000, 1, path)
    track = Track(path)
    assert len(track) == len(samples)
    for first, after in spans:
        assert np.array_equal(track[first:after], samples[first:after])
