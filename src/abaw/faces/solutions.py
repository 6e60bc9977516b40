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


@contextmanager
def _without_plots() -> Iterator[None]:
    """Hide matplotlib, which MediaPipe's drawings alone use, and which takes longer to import than all the rest."""
    hidden = [] if "matplotlib" in sys.modules else ["matplotlib", "matplotlib.pyplot"]
    sys.modules |= {name: ModuleType(name) for name in hidden}
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without_plots():
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
