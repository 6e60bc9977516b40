"""More crops than fit into one array of Arrow's, and far more than a process may hold."""

import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch

from abaw.faces.crop import encode_crop
from abaw.faces.row import bare_row
from abaw.static.crops import Part, labelled_crops, pretraining_crops
from abaw.static.embedding import embed
from abaw.static.spec import StaticSpec
from abaw.tables.arrays import embedding_matrix
from abaw.tables.files import table_writer
from abaw.tables.schemas import EMBEDDING_SIZE

CROP_BYTES = 200_000
"""As a face of 800 pixels has; what follows the end of a JPEG does not matter, and takes no room on the disk."""
CROPS = 2**31 // CROP_BYTES + 500
MOST_MB = 300
"""What reading may add to the memory of a process: a few groups of 256 crops, and the places of all."""
SPEC = StaticSpec("expr", "none", 8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), dropout=0.0, drop_path=0.0)
CPU = torch.device("cpu")


def jpeg(grey: int) -> bytes:
    return encode_crop(np.full((8, 8, 3), grey, np.uint8), 95).ljust(CROP_BYTES, b"\0")


GREYS = [jpeg(grey) for grey in range(0, 250, 10)]


def level(number: int) -> int:
    return 10 * (number % len(GREYS))


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """The faces of a video of two people: crops of 2 GiB and some."""
    path = tmp_path_factory.mktemp("size") / "faces.parquet"
    with table_writer("faces", path) as write:
        for number in range(CROPS):
            row = bare_row(("a_left", "a_right")[number % 2], number // 2 + 1, number / 10, has_face=True)
            write([row | {"crop": GREYS[number % len(GREYS)]}])
    return path


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


@pytest.fixture(scope="module")
def in_a_process():
    """What work gives in a process of its own, and by how many MB it raised the peak of its memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield lambda work, *arguments: pool.submit(_measured, work, arguments).result()


def _measured(work, arguments):
    before_mb = peak_mb()
    found = work(*arguments)
    return found, peak_mb() - before_mb


def _brightness(images):
    found = np.zeros((len(images), EMBEDDING_SIZE), np.float32)
    found[:, 0] = images.mean(dim=(1, 2, 3))
    return found


def embedded(path):
    table = embed(_brightness, SPEC, path, ["a_right", "a_left"], CPU)
    greys = np.round(embedding_matrix(table)[:, 0] * 255).astype(int)
    return table["sample"].to_pylist(), table["frame"].to_pylist(), greys


@pytest.mark.slow
def test_embeddings_of_more_crops_than_an_array_of_arrow_s_holds(faces, in_a_process):
    (samples, frames, greys), mb = in_a_process(embedded, faces)
    numbers = np.r_[0:CROPS:2, 1:CROPS:2]
    assert samples == ["a_left"] * len(range(0, CROPS, 2)) + ["a_right"] * len(range(1, CROPS, 2))
    assert frames == (numbers // 2 + 1).tolist()
    assert np.abs(greys - [level(number) for number in numbers]).max() <= 2
    assert mb < MOST_MB


def learned(path):
    n_frames = (CROPS + 1) // 2
    keys = {"sample": np.repeat(["a_left", "a_right"], n_frames), "frame": np.tile(np.arange(1, n_frames + 1), 2)}
    truth = pa.table(keys | {"expression": pa.array(np.tile(np.arange(n_frames) % 8, 2), pa.int8())})
    parts = labelled_crops("expr", [path], [Part(["a_left"], 8), Part(["a_right"], 40)], truth, SPEC.input_px)
    return [([_grey(part, n) for n in range(0, len(part), 50)], len(part), part.labels["expr"]) for part in parts]


def _grey(crops, number):
    return int(cv2.imdecode(np.frombuffer(crops.jpegs.read(number), np.uint8), cv2.IMREAD_COLOR)[0, 0, 0])


def test_both_splits_learn_from_a_table_that_is_larger_than_their_memory(faces, in_a_process):
    parts, mb = in_a_process(learned, faces)
    for (greys, n, labels), side, every_nth in zip(parts, (0, 1), (8, 40), strict=True):
        numbers = np.arange(side, CROPS, 2)[::every_nth]
        assert n == len(numbers)
        assert np.abs(np.array(greys) - [level(number) for number in numbers[::50]]).max() <= 2
        assert labels.tolist() == (numbers // 2 % 8).tolist()
    assert mb < MOST_MB


def pretrained(paths):
    train, val = pretraining_crops(paths, SPEC.input_px, threads=2)
    return (len(train), len(val), [_grey(val, n) for n in range(len(val))], [_grey(train, n) for n in (0, -1)])


def test_pre_training_holds_no_crop(tmp_path, in_a_process):
    paths, n = [tmp_path / f"{name}.parquet" for name in ("fer", "expw")], 2000
    for path in paths:
        with table_writer("pretraining_crops", path) as write:
            for number in range(n):
                split = "test" if number == 0 else "val" if number % 100 == 99 else "train"
                row = {"corpus": path.stem, "path": "x", "split": split, "time_s": None, "row": None}
                row |= {"valence": None, "arousal": None, "expression": number % 7}
                write([row | {"crop": GREYS[number % len(GREYS)]}])
    (n_train, n_val, of_val, of_train), mb = in_a_process(pretrained, paths)
    assert (n_train, n_val) == (2 * (n - n // 100 - 1), 2 * n // 100)
    assert np.abs(np.array(of_val) - 2 * [level(number) for number in range(99, n, 100)]).max() <= 2
    assert np.abs(np.array(of_train) - [level(1), level(n - 2)]).max() <= 2
    assert mb < MOST_MB  # of 800 MB of crops
