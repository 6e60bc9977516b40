"""Networks of torch as ONNX files, for jobs that compute without torch."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from abaw.running.files import whole_file

_OPSET = 17


def export_onnx(
    network: nn.Module,
    example: Tensor,
    path: Path,
    inputs: str,
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, str]] | None = None,
) -> None:
    """Write a network in evaluation mode, of one input like the `example`; the same network gives the same bytes.

    `inputs` and `outputs` name what goes in and comes out, `free` the dimensions of these that may be of any size.
    """
    with whole_file(path) as beside, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about this exporter's age and about shapes, which are fixed here
        torch.onnx.export(
            network.eval(),
            (example,),
            str(beside),
            dynamo=False,  # the other exporter wants a package that is not among ours
            opset_version=_OPSET,
            input_names=[inputs],
            output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in (free or {}).items()},
        )
