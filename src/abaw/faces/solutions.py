"""MediaPipe's legacy solutions, started without their noise; their models come with its wheel."""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from google.protobuf import text_format

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
    from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
    from mediapipe.framework.formats.rect_pb2 import NormalizedRect as NormalizedRect
    from mediapipe.python import solution_base
    from mediapipe.python.solutions import face_detection, face_mesh

_STEP_US = 33_333
"""How far the times of two images lie apart, which must rise; they mean nothing."""
_PACKAGES = Path(solution_base.__file__).parents[2]


class _InCallersThread(solution_base.SolutionBase):
    """A graph whose parts run one after the other in the thread that asks, for the same result.

    A pool of MediaPipe's own, which is the default, has nothing to do side by side here, and costs a tenth.
    """

    def __init__(
        self, binary_graph_path: str = "", graph_config: Any = None, outputs: Sequence[str] = (), **options: Any
    ) -> None:
        stored = (_PACKAGES / binary_graph_path).read_bytes() if graph_config is None else b""
        graph = graph_config or CalculatorGraphConfig.FromString(stored)
        graph.executor.add(type="ApplicationThreadExecutor")
        super().__init__(graph_config=graph, outputs=outputs, **options)

    def process(self, input_data: Mapping[str, Any]) -> SimpleNamespace:
        """What the graph makes of its inputs, by their names; None for what does not come.

        MediaPipe's own makes a class of each result, which takes longer, and stays until Python collects. An image that
        cannot be written to is not copied: MediaPipe has its share in it until the graph is idle, and no longer.
        """
        self._graph_outputs.clear()
        self._simulated_timestamp += _STEP_US
        for name, data in input_data.items():
            packet = self._make_packet(self._input_stream_type_info[name], data)
            self._graph.add_packet_to_input_stream(stream=name, packet=packet.at(self._simulated_timestamp))
        self._graph.wait_until_idle()
        return SimpleNamespace(
            **{
                name: self._get_packet_content(kind, self._graph_outputs[name]) if name in self._graph_outputs else None
                for name, kind in self._output_stream_type_info.items()
            }
        )


class FaceDetection(face_detection.FaceDetection, _InCallersThread):
    """MediaPipe's face detector, in the thread that asks."""


class FaceMesh(face_mesh.FaceMesh, _InCallersThread):
    """MediaPipe's face mesh, with a detector of its own, in the thread that asks."""


_WHOLE = NormalizedRect(x_center=0.5, y_center=0.5, width=1.0, height=1.0)


_PLACED = """
input_stream: "image"
input_stream: "place"
input_side_packet: "with_attention"
output_stream: "landmarks"
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:place"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""


class PlacedMesh(_InCallersThread):
    """The network of the face mesh alone, where a face's place is known."""

    def __init__(self) -> None:
        graph = text_format.Parse(_PLACED, CalculatorGraphConfig())
        super().__init__(graph_config=graph, side_inputs={"with_attention": False}, outputs=["landmarks"])

    def process(self, image: np.ndarray, place: NormalizedRect = _WHOLE) -> Any:  # type: ignore[override]
        """`landmarks`, None where the network sees no face at the place."""
        return super().process({"image": image, "place": place})


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
