"""A hundred of the mutated files of `make test-fuzz`."""

from collections import Counter

import fuzz
import numpy as np
import pytest


@pytest.mark.slow
def test_a_hundred_mutated_files_give_results_or_sentences(tmp_path):
    clips = fuzz.encoded_clips(tmp_path)
    found = Counter((name, word) for name, word, _ in fuzz.fuzz(clips, range(100), 1, tmp_path / "kept"))
    assert not [key for key in found if key[1] in fuzz.FAILURES]
    for name in ("probe", "frames", "faces", "sound"):
        assert found[name, "result"] > 20
        assert sum(count for (reader, _), count in found.items() if reader == name) == 100
    assert found["probe", "sentence"] > 10


def test_a_mutation_is_told_by_its_seed(tmp_path):
    raw = bytes(range(256)) * 40
    assert fuzz.mutated(raw, np.random.default_rng(1)) == fuzz.mutated(raw, np.random.default_rng(1)) != raw
    assert fuzz.mutated(raw, np.random.default_rng(2)) != fuzz.mutated(raw, np.random.default_rng(1))
    for change in fuzz.MUTATIONS:
        for seed in range(20):
            change(bytearray(raw), np.random.default_rng(seed))
            change(bytearray(), np.random.default_rng(seed))
