"""What takes embeddings of a trained frame-level model: ONNX Runtime on a CPU, half precision on a GPU."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abaw.nn import checkpoint
from abaw.nn.exporting import export_onnx
from abaw.nn.runtime import half_on_gpu
from abaw.static.embedding import Embedder, open_embedder
from abaw.static.model import StaticModel, seen
from abaw.static.spec import StaticSpec


class _EmbeddingsOnly(nn.Module):
    def __init__(self, model: StaticModel, spec: StaticSpec) -> None:
        super().__init__()
        self.model, self.spec = model, spec

    def forward(self, images: Tensor) -> Tensor:
        return seen(self.model, self.spec, images)[0]


def make_embedder(model: StaticModel, spec: StaticSpec, device: torch.device, threads: int) -> Embedder:
    """The quickest way through a trained model in evaluation mode; on a CPU with `threads` threads."""
    if device.type != "cuda":
        with TemporaryDirectory() as folder:
            path = Path(folder) / "embeddings.onnx"
            _export(model, spec, path)
            return open_embedder(path, threads)
    embeddings = _EmbeddingsOnly(model, spec).eval()
    embeddings.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def on_gpu(images: Tensor) -> NDArray[np.float32]:
        with torch.inference_mode(), half_on_gpu(device):
            return embeddings(images.to(memory_format=torch.channels_last)).float().cpu().numpy()

    return on_gpu


def load_embedder(
    weights: Path, card: Mapping[str, Any], device: torch.device, threads: int
) -> tuple[Embedder, StaticSpec]:
    """The trained model that `card` describes, ready to embed, and how it is fed."""
    spec = StaticSpec.from_card(card)
    model = checkpoint.load(StaticModel(spec), weights, card).to(device)
    return make_embedder(model, spec, device, threads), spec


def export_embedder(weights: Path, card: Mapping[str, Any], path: Path) -> None:
    """Write the trained model that `card` describes as ONNX, for `open_embedder`; the same bytes each time."""
    spec = StaticSpec.from_card(card)
    model = checkpoint.load(StaticModel(spec), weights, card)
    _export(model, spec, path)


def _export(model: StaticModel, spec: StaticSpec, path: Path) -> None:
    example = torch.zeros(1, 3, spec.input_px, spec.input_px)
    free = {"images": {0: "n"}, "embeddings": {0: "n"}}
    export_onnx(_EmbeddingsOnly(model, spec), example, path, "images", ["embeddings"], free)
