"""MediaPipe's legacy solutions, started without their noise; their models come with its wheel."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

warnings.filterwarnings("ignore", "SymbolDatabase.GetPrototype", UserWarning)  # of protobuf, at the first face


_UNUSED = {"matplotlib": ("matplotlib.pyplot",), "mediapipe.tasks": ("mediapipe.tasks.python",)}
"""What MediaPipe imports for its drawings, and its other interface: more than all the rest."""


@contextmanager
def _without_the_unused() -> Iterator[None]:
    """Hide these packages, unless they are there already."""
    hidden = [name for package, parts in _UNUSED.items() if package not in sys.modules for name in (package, *parts)]
    sys.modules |= {name: ModuleType(name) for name in hidden}
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without_the_unused():
    from mediapipe.python.solutions.face_detection import FaceDetection as FaceDetection
    from mediapipe.python.solutions.face_mesh import FaceMesh as FaceMesh


def start(solution: type, **options: Any) -> Any:
    """Make a solution and let it see a blank image, without the log lines that it writes as it starts.

    They come from its C++ part and heed no setting, so the process's standard error goes nowhere meanwhile; Python's
    own errors are raised as ever.
    """
    sys.stderr.flush()
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, no path of the project
        standard_error = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            running = solution(**options)
            running.process(np.zeros((64, 64, 3), np.uint8))
            return running
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
