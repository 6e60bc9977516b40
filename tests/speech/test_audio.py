"""Audio tracks as files."""

import numpy as np

from abaw.speech.audio import read_flac, write_flac


def test_flac_keeps_every_sample(tmp_path):
    samples = np.random.default_rng(0).integers(-32768, 32767, 5000).astype(np.int16)
    assert write_flac(np.array_split(samples, 3), 16000, 1, tmp_path / "a.flac") == 5000
    assert np.array_equal(read_flac(tmp_path / "a.flac"), samples)
