"""Networks for tests: the real RetinaFace of ../shared, exported once, a small one in the form of insightface's."""

import warnings
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import onnx
import torch
from torch import Tensor, nn

from abaw.faces.retinaface_network import RetinaFace, export_network, load_network
from abaw.weights.manifest import known

RETINAFACE = "retinaface_mobilenet0.25"


@cache
def real_retinaface(shared: Path) -> RetinaFace:
    """The network with the weights that the manifest knows."""
    return load_network(known(RETINAFACE), shared / "weights" / "retinaface-mobilenet0.25" / "mobilenet0.25_Final.pth")


@cache
def exported_retinaface(shared: Path) -> Path:
    """Its ONNX form."""
    path = Path(mkdtemp()) / "detector.onnx"
    export_network(real_retinaface(shared), path)
    return path


class BrightSquares(nn.Module):
    """Outputs in the form of SCRFD's, by hand: a face stands wherever the picture is bright.

    On the levels of stride 8, 16 and 32 the scores of two anchors a cell, the distances of the box's sides from the
    cell's corner, in strides, and with `points` those of five points.
    """

    def __init__(self, points: bool) -> None:
        super().__init__()
        self.points = points

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        scores, boxes, points = [], [], []
        for stride in (8, 16, 32):
            bright = nn.functional.avg_pool2d(images.mean(dim=1, keepdim=True), stride).clamp(0, 1).reshape(-1, 1)
            anchors = torch.stack([bright, bright * 0.5], dim=1).reshape(-1, 1)  # the second is less sure
            scores.append(anchors if stride == 32 else anchors * 0.0)
            boxes.append(torch.ones(1, 4) + anchors * 0)
            points.append(torch.full((1, 10), 0.25) + anchors * 0)
        return (*scores, *boxes, *points) if self.points else (*scores, *boxes)


def write_insightface(path: Path, points: bool = True) -> Path:
    """Write `BrightSquares` as ONNX, for one image of any size, as insightface's files are."""
    names = [f"output{index}" for index in range(9 if points else 6)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about this exporter's age
        torch.onnx.export(
            BrightSquares(points),
            (torch.zeros(1, 3, 64, 96),),
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=["input.1"],
            output_names=names,
            dynamic_axes={"input.1": {2: "height", 3: "width"}} | {name: {0: "cells"} for name in names},
        )
    return path


def small_recogniser(path: Path, batch: int | str = "n") -> Path:
    """A network in the form of SFace that knows 8 x 8 means of a face, less their mean: no more than a look at it."""
    made, tensor = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        made("AveragePool", ["data"], ["cells"], kernel_shape=[14, 14], strides=[14, 14]),
        made("ReduceMean", ["cells"], ["mean"], axes=[1, 2, 3], keepdims=1),
        made("Sub", ["cells", "mean"], ["centred"]),
        made("Flatten", ["centred"], ["embedding"]),
    ]
    given = [tensor("data", onnx.TensorProto.FLOAT, [batch, 3, 112, 112])]
    graph = onnx.helper.make_graph(nodes, "small", given, [tensor("embedding", onnx.TensorProto.FLOAT, [batch, 192])])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path
