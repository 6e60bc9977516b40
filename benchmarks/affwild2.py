"""What the whole of AffWild2 costs, stage by stage, from what a unit of each stage costs on this machine.

    python benchmarks/affwild2.py

Each stage runs the project's own code on a few units of the paper's size in a process of its own, on one thread: a
second of 1280x720 video with a face, a second of sound, an image through EfficientNet-B1 and one through ViT-B/16 (the
backbones of config/affwild2.yaml), a window through the transformer, a window of 4 s through PDEM's form. What counts
is the time of the processor, which other programs do not change much, and the peak memory of the process. Sizes are
AffWild2's, as its users counted them. `--gpu` is an assumption and no measurement: how many such threads a GPU is
worth.

docs/scale.md shows what this prints. The last line is a JSON object. `unit_...` and `stage_...`: what one unit of each
stage costs, and each stage of the whole; `core_hours` and `gpu_hours`: all stages together; `one_machine_h`,
`ten_nodes_h` and `a_hundred_nodes_h`: how long the whole takes, and the same `without_pretraining`;
`prediction_core_hours`: what predicting with trained weights takes, which needs no GPU.
"""

import argparse
import json
import math
import os
import re
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

CONFIG = Path(__file__).resolve().parents[1] / "config"
WINDOW, RATE_HZ = 20, 5
GIB = 2**30

VIDEOS, FRAMES_PER_S = 598, 28.24
"""Videos with a face track or without, and the mean rate of the 548 whose counts are published."""
ROWS = {"va": (1_682_057, 383_814, 927_210), "expr": (597_361, 284_230, 1_022_655)}
"""Rows of train, validation and test; of the expressions only labelled ones, but for test."""
HOURS = 25.67 / 548 * VIDEOS
VOICED = 0.42
"""The authors' share of frames with an open mouth, the upper bound of what is spoken."""
PRETRAINING = 850_000
"""Pictures of the ten corpora: 631,000 images (paper Table 1), and of 20 h of video every 8th to 20th frame."""
EPOCHS = {"static": 30, "dynamic": 30, "acoustic": 100}
"""The paper's 100, which patience ends earlier for the visual models; 30 is an assumption."""


@dataclass(frozen=True)
class Unit:
    """What one unit costs: seconds of one thread, and the memory of a process that handles them."""

    seconds: float
    peak_gib: float


def measured(stage: str) -> Unit:
    """Run a few units of a stage here, once to warm up and once to count."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    work, count = STAGES[stage]()
    work()
    begin = time.process_time()
    work()
    kilo = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo
    return Unit((time.process_time() - begin) / count, peak / GIB)


Work = tuple[Callable[[], object], float]
"""Something to do, and how many units it is."""


def faces() -> Work:
    """Decode, detect, follow, crop, measure the mouth: seconds of a photo that moves, 1280x720, 30 frames a second."""
    import av
    import cv2
    import skimage.data

    from abaw.config import FacesConfig
    from abaw.faces.pipeline import analyse_video
    from abaw.faces.subjects import Subject

    settings = FacesConfig.model_validate(_section("faces"))
    photo = cv2.resize(skimage.data.astronaut(), (1480, 1480))
    folder = TemporaryDirectory()
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
        for _ in analyse_video(path, [Subject("a", None)], settings, 1):
            pass

    return analyse, seconds


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

    form = _section("static", "affwild2.yaml")["backbones"][task]
    half = (0.5, 0.5, 0.5)
    spec = StaticSpec(("expr",), form["backbone"], form["input_px"], half, half, dropout=0.1)
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


def embedding(task: str) -> Work:
    """Embeddings by ONNX Runtime, batches of four."""
    import torch

    from abaw.static.embedding import BATCH, make_embedder

    model, spec, images = _static(task)
    embed = make_embedder(model.eval(), spec, torch.device("cpu"), 1)
    return lambda: [embed(part) for part in images.split(BATCH["cpu"])], len(images)


def dynamic_step() -> Work:
    """A training step of the transformer over windows of 4 s, 64 of them."""
    import torch

    from abaw.config import DynamicNetworkConfig
    from abaw.dynamic.model import DynamicModel
    from abaw.nn.losses import ccc_loss

    model = DynamicModel("va", DynamicNetworkConfig.model_validate(_section("dynamic")["network"]))
    embeddings, mask = torch.randn(64, WINDOW, 256), torch.ones(64, WINDOW, dtype=torch.bool)
    labels = torch.rand(64, WINDOW, 2) * 2 - 1
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)

    def step() -> None:
        loss = ccc_loss(model(embeddings, mask), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    return step, 64


def _acoustic(train: bool) -> tuple[Any, Any]:
    import torch
    from acoustic_step import PDEM

    from abaw.acoustic.model import AudioModel, Wav2Vec2Model

    model = AudioModel("va", "AudioModelV3", Wav2Vec2Model(PDEM), window_s=4)
    return model.train(train), torch.randn(2, 64000)


def acoustic_step() -> Work:
    """A training step of AudioModelV3 on PDEM's form, random weights, two windows of 4 s."""
    import torch

    model, waves = _acoustic(train=True)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-4)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        model(waves).square().mean().backward()
        optimiser.step()

    return step, 2


def acoustic_window() -> Work:
    """The same without training."""
    import torch

    model, waves = _acoustic(train=False)

    def window() -> None:
        with torch.inference_mode():
            model(waves)

    return window, 2


STAGES: dict[str, Callable[[], Work]] = {
    "faces": faces,
    "separation": separation,
    **{f"static_step_{task}": partial(static_step, task) for task in ROWS},
    **{f"embedding_{task}": partial(embedding, task) for task in ROWS},
    "dynamic_step": dynamic_step,
    "acoustic_step": acoustic_step,
    "acoustic_window": acoustic_window,
}


WAYS = {"one_machine_h": 1, "ten_nodes_h": 10, "a_hundred_nodes_h": 100}
"""How many nodes work, by the name of the hours that they take."""
CHAINS = ("va", "expr", "acoustic")
"""Stages that do not wait for each other's, by the beginning of their names."""


@dataclass(frozen=True)
class Line:
    """A stage of the whole: its unit, how many, the jobs that share them, on a GPU or not, and what data it holds."""

    stage: str
    measured: str
    units: float
    jobs: int
    on_gpu: bool
    data_gib: float = 0.0


def plan() -> list[Line]:
    """AffWild2 through config/affwild2.yaml, with every pre-training corpus."""
    analysed = {task: [rows / FRAMES_PER_S * RATE_HZ for rows in ROWS[task]] for task in ROWS}
    train, val = (sum(analysed[task][k] for task in ROWS) for k in (0, 1))
    seconds = HOURS * 3600
    windows = 2 * seconds * VOICED / 2  # both tasks, a step of two seconds
    trained = windows * train / sum(map(sum, analysed.values()))
    cells, epochs = 18, EPOCHS
    crop_gib, embedding_gib = 15e3 / GIB, 512 / GIB  # a crop of 240 px as JPEG; 256 half floats
    lines = [
        Line("faces", "faces", seconds, VIDEOS, False),
        Line("separation", "separation", seconds, VIDEOS, False),
        Line("faces of pre-training", "faces", PRETRAINING / RATE_HZ, 10, False),
    ]
    for task in ROWS:
        of_train, of_val, of_test = analysed[task]
        held = (of_train + of_val) * crop_gib
        lines += [
            Line(
                f"{task}: pre-training",
                f"static_step_{task}",
                PRETRAINING * epochs["static"],
                1,
                True,
                PRETRAINING * crop_gib,
            ),
            Line(f"{task}: fine-tuning", f"static_step_{task}", of_train * epochs["static"], 1, True, held),
            Line(f"{task}: choosing its epoch", f"embedding_{task}", of_val * epochs["static"], 1, True, held),
            Line(f"{task}: embeddings", f"embedding_{task}", of_train + of_val + of_test, 3, True, of_train * crop_gib),
        ]
    held = (analysed["va"][0] + analysed["va"][1]) * embedding_gib
    in_sweep = cells * epochs["dynamic"] * (train + val / 3) / (WINDOW / 2)  # judging has no backward pass
    return [
        *lines,
        Line("dynamic: 18 cells a challenge", "dynamic_step", in_sweep, 2 * cells, True, held),
        Line("acoustic: training V1 to V3", "acoustic_step", 3 * epochs["acoustic"] * trained, 6, True),
        Line("acoustic: predicting", "acoustic_window", windows, 6, True),
    ]


def _section(name: str, file: str = "config.yaml") -> dict[str, Any]:
    return yaml.safe_load((CONFIG / file).read_text(encoding="utf-8"))[name]


def hours(line: Line, unit: Unit, nodes: int, cores: int, gpu: float | None) -> float:
    """How long a stage takes where every node has `cores` threads and, where given, a GPU worth `gpu` of them."""
    work = line.units * unit.seconds / 3600
    if line.on_gpu:
        return work / line.jobs / (gpu or cores) * math.ceil(line.jobs / nodes)
    return work / min(line.jobs, nodes * cores)


def longest(taken: dict[str, float], nodes: int) -> float:
    """Hours of the whole, by stage: one after the other, or, on several nodes, the challenges and the sound abreast."""
    if nodes == 1:
        return sum(taken.values())
    abreast = {name: sum(h for stage, h in taken.items() if stage.startswith(f"{name}:")) for name in CHAINS}
    return sum(h for stage, h in taken.items() if stage.split(":")[0] not in CHAINS) + max(abreast.values())


def main() -> None:
    """Measure, multiply, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--gpu", type=float, default=100, help="threads of this machine that a GPU is taken to be worth"
    )
    parser.add_argument("--cores", type=int, default=16, help="threads of each node")
    args = parser.parse_args()

    os.environ["OMP_NUM_THREADS"] = "1"
    units: dict[str, Unit] = {}
    for stage in STAGES:  # each in a process of its own: the peak memory is that stage's
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            units[stage] = pool.submit(measured, stage).result()
        print(f"{stage}: {units[stage].seconds * 1e3:.2f} ms of one thread a unit, {units[stage].peak_gib:.1f} GiB")
    lines = plan()
    taken = {
        way: {line.stage: hours(line, units[line.measured], nodes, args.cores, args.gpu) for line in lines}
        for way, nodes in WAYS.items()
    }
    stages: dict[str, dict[str, float]] = {}
    for line in lines:
        unit = units[line.measured]
        core_hours = line.units * unit.seconds / 3600
        stages[line.stage] = {
            "units": round(line.units),
            "core_hours": round(core_hours, 2),
            "gpu_hours": round(core_hours / args.gpu, 2) if line.on_gpu else 0.0,
            "job_gib": round(unit.peak_gib + line.data_gib, 1),
            **{way: round(taken[way][line.stage], 2) for way in WAYS},
        }
        job_gib = stages[line.stage]["job_gib"]
        print(f"{line.stage}: {line.units:,.0f} units, {core_hours:,.0f} core hours, a job of {job_gib} GiB")
    print(json.dumps(figures(units, stages, taken)))


def figures(
    units: dict[str, Unit], stages: dict[str, dict[str, float]], taken: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """The last line: units and stages by names without spaces, and the sums over all stages."""

    def core_hours(*words: str) -> int:
        return round(sum(costs["core_hours"] for name, costs in stages.items() if any(word in name for word in words)))

    tuned = {way: {name: h for name, h in taken[way].items() if "pre-training" not in name} for way in WAYS}
    return {
        **{
            f"unit_{name}": {"ms": round(unit.seconds * 1e3, 2), "gib": round(unit.peak_gib, 1)}
            for name, unit in units.items()
        },
        **{f"stage_{re.sub(r'[^a-z0-9]+', '_', name.lower())}": costs for name, costs in stages.items()},
        "core_hours": core_hours(""),
        "gpu_hours": round(sum(costs["gpu_hours"] for costs in stages.values()), 1),
        **{way: round(longest(taken[way], nodes), 1) for way, nodes in WAYS.items()},
        "without_pretraining": {way: round(longest(tuned[way], nodes), 1) for way, nodes in WAYS.items()},
        "prediction_core_hours": core_hours("separation", "embeddings", "predicting")
        + round(stages["faces"]["core_hours"]),
    }


if __name__ == "__main__":
    main()
