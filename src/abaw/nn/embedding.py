"""Embeddings of face crops, in batches (paper §2.2.2): ONNX Runtime on a CPU, half precision on a GPU."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abaw.faces.crop import decode_crop
from abaw.nn.static import StaticModel, StaticSpec, letterbox, normalise, to_batch
from abaw.tables import EMBEDDING_SIZE, SCHEMAS, read_table

BATCH = {"cpu": 4, "cuda": 256}
"""On a CPU small batches stay in its cache."""
_OPSET = 17

Embedder = Callable[[Tensor], NDArray[np.float32]]
"""Normalised images (n, 3, input_px, input_px), on the model's device, to embeddings (n, 256)."""


class _EmbeddingsOnly(nn.Module):
    def __init__(self, model: StaticModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images)[0]


def make_embedder(model: StaticModel, spec: StaticSpec, device: torch.device, threads: int) -> Embedder:
    """The quickest way through a trained model in evaluation mode; on a CPU with `threads` threads."""
    embeddings = _EmbeddingsOnly(model).eval()
    if device.type == "cuda":
        embeddings.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def on_gpu(images: Tensor) -> NDArray[np.float32]:
            with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
                return embeddings(images.to(memory_format=torch.channels_last)).float().cpu().numpy()

        return on_gpu
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about this exporter's age and about shapes, which are fixed here
        path = str(Path(folder) / "embeddings.onnx")
        torch.onnx.export(
            embeddings,
            (torch.zeros(1, 3, spec.input_px, spec.input_px),),
            path,
            dynamo=False,  # the other exporter wants a package that is not among ours
            opset_version=_OPSET,
            input_names=["images"],
            output_names=["embeddings"],
            dynamic_axes={"images": {0: "n"}, "embeddings": {0: "n"}},
        )
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["embeddings"], {"images": images.numpy()})[0]


def embed(embedder: Embedder, spec: StaticSpec, faces: Path, samples: Sequence[str], device: torch.device) -> pa.Table:
    """An `embeddings` table of every analysed frame of some samples of one video; null where there is no face."""
    table = read_table("faces", faces, ["sample", "frame", "time_s", "has_face", "crop"])
    wanted = pa.compute.is_in(table["sample"], pa.array(samples))
    table = table.filter(wanted).sort_by([("sample", "ascending"), ("frame", "ascending")])
    crops = table["crop"].drop_null().to_pylist()
    found = [np.empty((0, EMBEDDING_SIZE), np.float32)]
    size = BATCH[device.type]
    for start in range(0, len(crops), size):
        squares = [letterbox(decode_crop(crop), spec.input_px) for crop in crops[start : start + size]]
        found.append(embedder(normalise(to_batch(squares, device), spec).contiguous()))
    known = table["has_face"].combine_chunks()
    values = np.zeros((len(table), EMBEDDING_SIZE), dtype=np.float16)
    values[known.to_numpy(zero_copy_only=False)] = np.concatenate(found)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), EMBEDDING_SIZE, mask=pa.compute.invert(known))
    return table.drop_columns("crop").append_column(SCHEMAS["embeddings"].field("embedding"), column)
