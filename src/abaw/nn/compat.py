"""Make timm, transformers and torchaudio importable beside a torch whose build differs from theirs.

The first two import torchvision. Where torch is a CPU build and torchvision a CUDA build, torchvision's C++ library
does not load, and the schema checks that run at its import fail, for they name operators that nobody declared.
Declaring two of them is enough to use everything that is Python in it (transforms, layers); its own operators still
raise when called. torchaudio's C++ library fails likewise; where its own switch says that there is none it goes on
without, and its resampling is all Python.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Literal

import torch

Usable = Literal["native", "python-only", "absent"]
"""With its operators, without them, or not at all."""

_declared: list[torch.library.Library] = []


def prepare() -> dict[str, Usable]:
    """Call before the first import of timm, transformers, torchvision or torchaudio; calling it again is harmless.

    Returns how torchvision and torchaudio can be used.
    """
    return {"torchvision": _prepare_torchvision(), "torchaudio": _prepare_torchaudio()}


def _prepare_torchvision() -> Usable:
    if _declared:
        return "python-only"
    usable = _usable("torchvision", "_C*.so")
    if usable == "python-only":
        fragment = torch.library.Library("torchvision", "FRAGMENT")
        fragment.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        fragment.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(fragment)  # the declarations live as long as the library object
    return usable


def _prepare_torchaudio() -> Usable:
    name = "torchaudio._extension"
    if name in sys.modules:
        return "native" if sys.modules[name]._IS_TORCHAUDIO_EXT_AVAILABLE else "python-only"
    usable = _usable("torchaudio", "lib/_torchaudio*.so")
    if usable == "python-only":
        extension = ModuleType(name)
        vars(extension).update(_IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False)
        vars(extension)["fail_if_no_align"] = _refuse
        sys.modules[name] = extension
    return usable


def _refuse(function: object) -> object:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"{function} needs torchaudio's C++ library, which is built for another torch")

    return fail


def _usable(package: str, pattern: str) -> Usable:
    """Whether the package's C++ library loads; a package without one is Python only as it is."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return "absent"
    library = next(Path(spec.origin).parent.glob(pattern), None)
    try:
        if library is None:
            return "python-only"
        torch.ops.load_library(str(library))
    except OSError:
        return "python-only"  # built against another torch: go on without it
    return "native"
