"""What becomes of frames without a face where embeddings are made: left out, or filled with the last crop before."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from abaw.faces.crop import encode_crop
from abaw.faces.row import bare_row
from abaw.static.embedding import embed
from abaw.static.spec import StaticSpec
from abaw.tables.arrays import embedding_matrix
from abaw.tables.files import table_writer
from abaw.tables.schemas import EMBEDDING_SIZE

SPEC = StaticSpec("va", "none", 8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), dropout=0.0, drop_path=0.0)
GREYS = (60, 120, 180, 240)


def brightness(images):
    """An embedder whose first number is the mean of an image, from 0 to 1."""
    found = np.zeros((len(images), EMBEDDING_SIZE), np.float32)
    found[:, 0] = images.mean(dim=(1, 2, 3))
    found[:, 1] = 1
    return found


def embedded(path: Path, tracks, **options):
    """Brightness by sample of a table in which each frame is a grey crop, or none; None where there is no embedding."""
    with table_writer("faces", path) as write:
        for sample, greys in tracks.items():
            for number, grey in enumerate(greys):
                row = bare_row(sample, number + 1, number / 5, has_face=grey is not None)
                crop = None if grey is None else encode_crop(np.full((8, 8, 3), grey, np.uint8), 95)
                write([row | {"crop": crop}])
    table = embed(brightness, SPEC, path, list(tracks), torch.device("cpu"), **options)
    known = table["embedding"].combine_chunks().is_valid().to_pylist()
    assert table["has_face"].to_pylist() == known
    levels = zip(embedding_matrix(table)[:, 0], known, strict=True)
    values = [round(float(level) * 255) if has else None for level, has in levels]
    return {
        sample: [value for value, name in zip(values, table["sample"].to_pylist(), strict=True) if name == sample]
        for sample in tracks
    }


TRACKS = {"a": [None, 60, None, None, 120], "b": [None, None], "c": [180, None]}


def test_frames_without_a_face_are_left_out_by_default(tmp_path):
    assert embedded(tmp_path / "f", TRACKS) == {name: pytest.approx(greys, abs=2) for name, greys in TRACKS.items()}


def test_the_last_crop_is_repeated_within_its_sample_and_black_comes_before_the_first(tmp_path):
    found = embedded(tmp_path / "f", TRACKS, without_face="repeat_last")
    expected = {"a": [0, 60, 60, 60, 120], "b": [0, 0], "c": [180, 180]}
    assert found == {name: pytest.approx(greys, abs=2) for name, greys in expected.items()}


@given(st.lists(st.lists(st.none() | st.sampled_from(GREYS), max_size=8), min_size=1, max_size=4))
@settings(max_examples=30)
def test_filling_is_the_authors_loop(tmp_path_factory, greys_of_tracks):
    tracks = {f"s{index}": greys for index, greys in enumerate(greys_of_tracks)}
    found = embedded(tmp_path_factory.mktemp("f") / "f", tracks, without_face="repeat_last")
    for sample, greys in tracks.items():
        last, expected = 0, []
        for grey in greys:
            last = last if grey is None else grey
            expected.append(last)
        assert found[sample] == pytest.approx(expected, abs=2)
