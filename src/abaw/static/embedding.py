"""Embeddings of face crops, in batches (paper §2.2.2); `abaw.static.embedder` makes what takes them."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from abaw.faces.crop import decode_crop
from abaw.running.onnx import start_session
from abaw.static.images import Normaliser, letterbox, to_batch
from abaw.static.spec import StaticSpec
from abaw.tables.arrays import blocks, rows_by_sample
from abaw.tables.files import read_rows, read_table
from abaw.tables.schemas import EMBEDDING_SIZE, SCHEMAS

BATCH = {"cpu": 4, "cuda": 256}
"""On a CPU small batches stay in its cache."""

WithoutFace = Literal["leave_out", "repeat_last"]

Embedder = Callable[[Tensor], NDArray[np.float32]]
"""Normalised images (n, 3, input_px, input_px), on the model's device, to embeddings (n, 256)."""


def open_embedder(path: Path, threads: int) -> Embedder:
    """The network that `abaw.static.embedder.export_embedder` wrote, on a CPU with `threads` threads.

    Raises `UserError` where the file is no ONNX network.
    """
    session = start_session(path, threads, "cpu")
    return lambda images: session.run(["embeddings"], {"images": images.numpy()})[0]


def embed_samples(
    embedder: Embedder,
    spec: StaticSpec,
    faces: Sequence[Path],
    samples: Sequence[str],
    device: torch.device,
    without_face: WithoutFace = "leave_out",
) -> pa.Table:
    """An `embeddings` table of some samples of several videos, in the order of the samples; `faces` are the videos'."""
    found = {
        sample: block
        for path in tqdm(faces, "videos", disable=None)
        for sample, block in blocks(embed(embedder, spec, path, samples, device, without_face))
    }
    return pa.concat_tables([SCHEMAS["embeddings"].empty_table(), *(found[sample] for sample in samples)])


def embed(
    embedder: Embedder,
    spec: StaticSpec,
    faces: Path,
    samples: Sequence[str],
    device: torch.device,
    without_face: WithoutFace = "leave_out",
) -> pa.Table:
    """An `embeddings` table of every analysed frame of some samples of one video.

    A frame without a face has no embedding; with `repeat_last` it has that of the last crop of its sample, or of a
    black image before the first one (authors' code), and `has_face` is true there: what follows takes it for a face.
    """
    table = read_table("faces", faces, ["sample", "frame", "time_s", "has_face"])
    wanted = set(samples)
    rows = [own for sample, own in sorted(rows_by_sample(table["sample"]).items()) if sample in wanted]
    has_face = table["has_face"].to_numpy()
    with_face = [own[has_face[own]] for own in rows]
    table = table.take(pa.array(np.concatenate([np.empty(0, np.int64), *rows])))
    places = _places(table, without_face)
    black = [None] if (places == sum(map(len, with_face))).any() else []
    pictures = chain(chain.from_iterable(_crops(faces, own) for own in with_face), black)
    found = [np.empty((0, EMBEDDING_SIZE), np.float32)]
    normalise = Normaliser(spec, device)
    while batch := list(islice(pictures, BATCH[device.type])):
        squares = [_square(picture, spec) for picture in batch]
        found.append(embedder(normalise(to_batch(squares, device)).contiguous()))
    known = places >= 0
    values = np.zeros((len(table), EMBEDDING_SIZE), dtype=np.float16)
    values[known] = np.concatenate(found)[places[known]]
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), EMBEDDING_SIZE, mask=pa.array(~known))
    columns = {name: table[name] for name in ("sample", "frame", "time_s")} | {"has_face": pa.array(known)}
    return pa.table(columns | {"embedding": column}, schema=SCHEMAS["embeddings"])


def _crops(faces: Path, rows: NDArray[np.int64]) -> Iterator[bytes]:
    """The crops of some rows, a few in memory at a time."""
    for group in read_rows("faces", faces, ["crop"], rows):
        yield from group["crop"].to_pylist()


def _places(table: pa.Table, without_face: WithoutFace) -> NDArray[np.int64]:
    """Which crop each row's embedding is of: its number from 0, their number for a black image, -1 for none."""
    has_face = table["has_face"].to_numpy().astype(bool)
    own = np.where(has_face, np.cumsum(has_face) - 1, -1)
    if without_face == "leave_out":
        return own
    samples = table["sample"].to_numpy()
    last = np.maximum.accumulate(own)
    same = (last >= 0) & (samples == np.append(samples[has_face], "")[last])
    return np.where(same, last, has_face.sum())


def _square(jpeg: bytes | None, spec: StaticSpec) -> NDArray[np.uint8]:
    """A crop as the backbone sees it; black where there is none."""
    if jpeg is None:
        return np.zeros((spec.input_px, spec.input_px, 3), np.uint8)
    return letterbox(decode_crop(jpeg), spec.input_px)
