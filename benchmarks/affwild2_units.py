"""What one unit of each stage costs, for benchmarks/affwild2.py: each in a process of its own, on one thread.

A unit runs the project's own code in the paper's form: a second of 1280x720 video with a face, a second of sound, an
image through EfficientNet-B1 and one through ViT-B/16 (the backbones of config/affwild2.yaml), a window through the
transformer or attention, a window of 4 s through PDEM's form. Weights are random.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

RETINAFACE = Path(__file__).resolve().parents[2] / "shared/weights/retinaface-mobilenet0.25/mobilenet0.25_Final.pth"
CONFIG = Path(__file__).resolve().parents[1] / "config"
TASKS = ("va", "expr")
WINDOW = 20
"""Frames of a window of 4 s."""
GIB = 2**30

Work = tuple[Callable[[], object], float]
"""Something to do, and how many units it is."""


@dataclass(frozen=True)
class Unit:
    """What one unit costs: seconds of one thread, memory of a process that handles some, arithmetic of its network."""

    seconds: float
    peak_gib: float
    gflop: float


def measured(stage: str) -> Unit:
    """Run a few units of a stage here, once to warm up and to count its arithmetic, and once to take the time."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    torch.set_num_threads(1)
    torch.manual_seed(0)
    work, count = STAGES[stage]()
    with FlopCounterMode(display=False) as counter:
        work()
    begin = time.process_time()
    work()
    seconds = (time.process_time() - begin) / count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Unit(seconds, peak / GIB, counter.get_total_flops() / count / 1e9)


@cache
def section(name: str) -> Any:
    """A section of the configuration that AffWild2 runs with."""
    from snakemake.utils import update_config

    merged: dict[str, Any] = {}
    for file in ("config.yaml", "affwild2.yaml"):
        update_config(merged, yaml.safe_load((CONFIG / file).read_text(encoding="utf-8")))
    return merged[name]


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
    import torch

    from abaw.speech import spleeter
    from abaw.speech.resampling import to_mono

    sound = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 44100 * 24)).astype(np.float32)
    stems = spleeter.load_stems(torch.device("cpu"))
    return lambda: list(to_mono(spleeter.separate([sound], stems), 16000)), 24


def _static(task: str) -> tuple[Any, Any, Any]:
    import torch

    from abaw.static.model import StaticModel, StaticSpec

    form = section("static")["backbones"][task]
    half = (0.5, 0.5, 0.5)
    spec = StaticSpec(("expr",), form["backbone"], form["input_px"], half, half, dropout=0.1, drop_path=0.0)
    return StaticModel(spec), spec, torch.randn(8, 3, spec.input_px, spec.input_px)


def static_step(task: str) -> Work:
    """A training step of the challenge's backbone with the head of Figure 1, eight images."""
    import torch

    model, _, images = _static(task)
    model.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)

    def step() -> None:
        loss = model(images)[1]["expr"].logsumexp(1).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    return step, len(images)


def static_forward(task: str) -> Work:
    """The outputs of the network in evaluation mode, as an epoch is judged: PyTorch, batches of eight."""
    import torch

    model, _, images = _static(task)
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
    from abaw.static.model import as_images

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

    from abaw.static.embedding import BATCH, make_embedder

    model, spec, images = _static(task)
    embed = make_embedder(model.eval(), spec, torch.device("cpu"), 1)
    return lambda: [embed(part) for part in images.split(BATCH["cpu"])], len(images)


def dynamic_step(windows: int = 64) -> Work:
    """A training step of the transformer over windows of 4 s."""
    from abaw.config import DynamicNetworkConfig
    from abaw.dynamic.model import DynamicModel

    model = DynamicModel("va", DynamicNetworkConfig.model_validate(section("dynamic")["network"]))
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


def _acoustic(*architectures: str) -> tuple[list[Any], Any]:
    import torch

    from abaw.acoustic.encoders.waveform import PDEM, Wav2Vec2, Wav2Vec2Model
    from abaw.acoustic.model import AudioModel

    models = [AudioModel("va", one, Wav2Vec2(Wav2Vec2Model(PDEM), window_s=4), window_s=4) for one in architectures]
    return models, torch.randn(2, 64000)


def acoustic_step() -> Work:
    """A training step of all three models on one trunk of PDEM's form, random weights, two windows of 4 s."""
    import torch

    from abaw.acoustic.trunk import trunks_of

    models, waves = _acoustic(*section("acoustic")["architectures"])
    trunk = trunks_of(models, torch.device("cpu"), 0, None)[0]
    optimisers = [torch.optim.Adam([p for p in m.parameters() if p.requires_grad], 1e-4, fused=True) for m in models]

    def step() -> None:
        with torch.no_grad():
            steps = trunk.encoder.below(waves, None, trunk.depth)
        for model, optimiser in zip(models, optimisers, strict=True):
            optimiser.zero_grad(set_to_none=True)
            model.outputs(model.embed(steps, trunk.depth)).square().mean().backward()
            optimiser.step()

    return step, 2


def acoustic_window() -> Work:
    """A window through AudioModelV3 without training: its predictions and its embeddings in one pass."""
    import torch

    [model], waves = _acoustic("AudioModelV3")
    model.eval()

    def window() -> None:
        with torch.inference_mode():
            model(waves)

    return window, 2


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
}
