"""What one unit of each stage costs, for benchmarks/affwild2.py: each in a process of its own, on one thread.

A unit runs the project's own code in the paper's form: a second of 1280x720 video with a face, a second of sound, an
image through EfficientNet-B1 and one through ViT-B/16 (the backbones of config/affwild2.yaml), a window through the
transformer or attention, a window of 4 s through PDEM's form. For config/affwild2_best.yaml an image through DINOv2
ViT-L/14, its transformer, and a window through WavLM's and wav2vec 2.0's large forms. Weights are random.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from affwild2_form import BEST, DINOV2, GIB, PAPER, TASKS, WINDOW, Work, section
from affwild2_voice import (
    acoustic_judged,
    acoustic_launches,
    acoustic_read,
    acoustic_step,
    acoustic_window,
    statistics_window,
)

RETINAFACE = Path(__file__).resolve().parents[2] / "shared/weights/retinaface-mobilenet0.25/mobilenet0.25_Final.pth"


@dataclass(frozen=True)
class Unit:
    """What one unit costs: seconds of one thread, memory of a process that handles some, arithmetic of its network."""

    seconds: float
    peak_gib: float
    gflop: float


def measured(stage: str) -> Unit:
    """Run a few units of a stage here, once to warm up and to count its arithmetic, and once to take the time."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    work, count = STAGES[stage]()
    with _counted() as counter:
        work()
    begin = time.process_time()
    work()
    seconds = (time.process_time() - begin) / count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Unit(seconds, peak / GIB, counter.get_total_flops() / count / 1e9)


@contextmanager
def _counted() -> Iterator[Any]:
    """Count all arithmetic of networks: torch's counter leaves out attention and whole layers that a CPU fuses."""
    import torch
    from torch.utils import flop_counter

    aten = torch.ops.aten
    forward, backward = (
        aten._scaled_dot_product_flash_attention_for_cpu,
        aten._scaled_dot_product_flash_attention_for_cpu_backward,
    )
    counts = {
        forward: lambda *shapes, **_: flop_counter.sdpa_flop_count(*shapes[:3]),
        backward: lambda *shapes, **_: flop_counter.sdpa_backward_flop_count(*shapes[:4]),
    }
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with flop_counter.FlopCounterMode(display=False, custom_mapping=counts) as counter:
            yield counter
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def faces() -> Work:
    """Decode, detect, follow, crop, measure the mouth: seconds of a photo that moves, 1280x720, 30 frames a second."""
    import av
    import cv2
    import skimage.data

    from abaw.config import FacesConfig
    from abaw.faces.detectors import make_detector
    from abaw.faces.pipeline import analyse_video
    from abaw.faces.subjects import Subject

    settings = FacesConfig.model_validate(section("faces"))
    photo = cv2.resize(skimage.data.astronaut(), (1480, 1480))
    folder = TemporaryDirectory()
    settings, network = _detector(settings, Path(folder.name))
    detector = make_detector(settings, 1, network)
    path = Path(folder.name) / "face.mp4"
    seconds = 4
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for k in range(30 * seconds):
            moved = photo[2 * (k % 60) : 2 * (k % 60) + 720, k % 100 : k % 100 + 1280]
            output.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        output.mux(stream.encode())

    def analyse(_keep: TemporaryDirectory[str] = folder) -> None:
        for _ in analyse_video(path, [Subject("a", None)], settings, 1, detector):
            pass

    return analyse, seconds


def _detector(settings: Any, folder: Path) -> tuple[Any, Path | None]:
    """Settings and network of the detector; those of mediapipe where RetinaFace has no weights here."""
    if settings.detector != "retinaface" or not RETINAFACE.exists():
        return settings.model_copy(update={"detector": "mediapipe", "weights": None}), None
    from abaw.faces.retinaface_network import export_network, load_network
    from abaw.weights.manifest import read_manifest

    export_network(load_network(read_manifest()[settings.weights], RETINAFACE), folder / "detector.onnx")
    return settings, folder / "detector.onnx"


def separation() -> Work:
    """Spleeter's two stems, resampled: seconds of noise."""
    import numpy as np

    from abaw.speech import spleeter
    from abaw.speech.resampling import to_mono
    from abaw.speech.spleeter_network import export_stems

    sound = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 44100 * 24)).astype(np.float32)
    with TemporaryDirectory() as folder:
        stems = spleeter.load_stems(export_stems(Path(folder)), threads=1)
    return lambda: list(to_mono(spleeter.separate([sound], stems), 16000)), 24


def _static(task: str, preset: str = PAPER) -> tuple[Any, Any, Any]:
    import torch

    from abaw.static.model import StaticModel
    from abaw.static.spec import StaticSpec

    known = section("static", preset)["backbones"][task]
    half, form = (0.5, 0.5, 0.5), DINOV2 if known["backbone"].startswith("hf:") else None
    spec = StaticSpec(
        ("expr",), known["backbone"], known["input_px"], half, half, dropout=0.1, drop_path=0.0, form=form
    )
    return StaticModel(spec), spec, torch.randn(8 if form is None else 4, 3, spec.input_px, spec.input_px)


def static_step(task: str, preset: str = PAPER) -> Work:
    """A training step of the challenge's backbone with the head of Figure 1, eight images, or four of DINOv2."""
    import torch

    model, _, images = _static(task, preset)
    model.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)

    def step() -> None:
        loss = model(images)[1]["expr"].logsumexp(1).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    return step, len(images)


def static_forward(task: str, preset: str = PAPER) -> Work:
    """The outputs of the network in evaluation mode, as an epoch is judged: PyTorch, batches of that many."""
    import torch

    model, _, images = _static(task, preset)
    model.eval()

    def forward() -> None:
        with torch.inference_mode():
            model(images)

    return forward, len(images)


def picture() -> Work:
    """What stands before each image of a training step: a crop of 240 px decoded, fitted, augmented."""
    import cv2
    import skimage.data
    import torch

    from abaw.faces.crop import encode_crop
    from abaw.static.augmentation import augmentation
    from abaw.static.feed import Feed, Jpegs
    from abaw.static.images import as_images

    _, spec, _ = _static("va")
    face = cv2.resize(skimage.data.astronaut()[0:240, 100:300], (200, 240))
    jpegs = Jpegs.of([encode_crop(face, section("faces")["jpeg_quality"])] * 64, spec.input_px)
    feed = Feed(jpegs, spec.input_px, torch.device("cpu"), held_bytes=0)
    augment = augmentation(section("static")["augmentation"], spec.input_px)

    def ready() -> None:
        for batch in feed.batches([torch.arange(len(jpegs))]):
            augment(as_images(batch.pixels, torch.device("cpu")))

    return ready, len(jpegs)


def embedding(task: str) -> Work:
    """Embeddings by ONNX Runtime, batches of four."""
    import torch

    from abaw.static.embedder import make_embedder
    from abaw.static.embedding import BATCH

    model, spec, images = _static(task)
    embed = make_embedder(model.eval(), spec, torch.device("cpu"), 1)
    return lambda: [embed(part) for part in images.split(BATCH["cpu"])], len(images)


def dynamic_step(windows: int = 64, preset: str = PAPER) -> Work:
    """A training step of the transformer over windows of 4 s."""
    from abaw.config import DynamicNetworkConfig
    from abaw.dynamic.model import DynamicModel

    model = DynamicModel("va", DynamicNetworkConfig.model_validate(section("dynamic", preset)["network"]))
    return _over_time(model, windows, 256)


def attention_step(windows: int = 32) -> Work:
    """A training step of cross-attention over faces and PDEM's voice, windows of 4 s."""
    from abaw.attention.model import AttentionFusion
    from abaw.config import AttentionNetworkConfig

    settings = AttentionNetworkConfig.model_validate(section("attention")["network"])
    return _over_time(AttentionFusion("va", "cross", settings, [256, 1024]), windows, 256 + 1024)


def _over_time(model: Any, windows: int, width: int) -> Work:
    import torch

    from abaw.nn.losses import ccc_loss

    embeddings, mask = torch.randn(windows, WINDOW, width), torch.ones(windows, WINDOW, dtype=torch.bool)
    labels = torch.rand(windows, WINDOW, 2) * 2 - 1
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)

    def step() -> None:
        loss = ccc_loss(model(embeddings, mask), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    return step, windows


def launches(step: Callable[[int], Work]) -> Work:
    """Steps of two windows, in which there is next to nothing to compute: what Python and torch take to ask for it."""
    work, _ = step(2)
    return lambda: [work() for _ in range(20)], 20


STAGES: dict[str, Callable[[], Work]] = {
    "faces": faces,
    "separation": separation,
    **{f"static_step_{task}": partial(static_step, task) for task in TASKS},
    **{f"static_forward_{task}": partial(static_forward, task) for task in TASKS},
    **{f"embedding_{task}": partial(embedding, task) for task in TASKS},
    "picture": picture,
    "dynamic_step": dynamic_step,
    "dynamic_launches": partial(launches, dynamic_step),
    "attention_step": attention_step,
    "attention_launches": partial(launches, attention_step),
    "acoustic_step": acoustic_step,
    "acoustic_window": acoustic_window,
    "acoustic_judged": acoustic_judged,
    "acoustic_launches": acoustic_launches,
    "acoustic_read": acoustic_read,
    "static_step_best": partial(static_step, "expr", BEST),
    "static_forward_best": partial(static_forward, "expr", BEST),
    "dynamic_step_best": partial(dynamic_step, 64, BEST),
    "dynamic_launches_best": partial(launches, partial(dynamic_step, preset=BEST)),
    "acoustic_step_best": partial(acoustic_step, BEST),
    "acoustic_window_best": partial(acoustic_window, BEST),
    "statistics_window_best": statistics_window,
}
