"""Make timm and transformers importable beside a torch whose build differs from torchvision's.

Both import torchvision. Where torch is a CPU build and torchvision a CUDA build, torchvision's C++ library does not
load, and the schema checks that run at its import fail, for they name operators that nobody declared. Declaring two of
them is enough to use everything that is Python in it (transforms, layers); its own operators still raise when called.
"""

import importlib.util
from pathlib import Path
from typing import Literal

import torch

_declared: list[torch.library.Library] = []


def prepare() -> Literal["native", "python-only", "absent"]:
    """Call before the first import of timm, transformers or torchvision; calling it again is harmless.

    Returns how torchvision can be used: with its operators, without them, or not at all.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return "absent"
    if _declared:
        return "python-only"
    library = next(Path(spec.origin).parent.glob("_C*.so"), None)
    try:
        if library is not None:
            torch.ops.load_library(str(library))
            return "native"
    except OSError:
        pass  # built against another torch: go on without it
    fragment = torch.library.Library("torchvision", "FRAGMENT")
    fragment.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    fragment.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(fragment)  # the declarations live as long as the library object
    return "python-only"
