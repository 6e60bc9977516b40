"""What the whole of AffWild2 costs, stage by stage, from what a unit of each stage costs on this machine.

    python benchmarks/affwild2.py

Each stage runs the project's own code on a few units of the paper's size (affwild2_units.py), in a process of its own,
on one thread. What counts is the time of the processor, which other programs do not change much, and the peak memory
of the process. Sizes are AffWild2's, as its users counted them. The stages after the networks are those that
benchmarks/full_size.py has run, as docs/measured.json has them.

There was no GPU here. What one needs is its arithmetic, counted, over a rate: the throughput that the maker publishes
(--fp32-tflops, --bf16-tflops: NVIDIA's A100, https://www.nvidia.com/en-us/data-center/a100), times the share of it that
networks are taken to reach (--reached, an assumption). Decoding and augmentation stand before each step of the visual
models and are added.

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
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from affwild2_units import GIB, STAGES, TASKS, WINDOW, Unit, measured, section

MEASURED = Path(__file__).resolve().parents[1] / "docs" / "measured.json"
VIDEOS, FRAMES_PER_S, RATE_HZ = 598, 28.24, 5
"""Videos with a face track or without, and the mean rate of the 548 whose counts are published."""
LABELLED = {"va": (1_682_057, 382_021), "expr": (597_361, 284_230)}
"""Rows of training and validation that have a label."""
ROWS = {"va": (1_682_057, 382_021, 927_210), "expr": (1_172_000, 352_000, 1_022_655)}
"""Rows of whole tracks of training, validation and test; of the expressions' first two by their number of tracks."""
HOURS = 25.67 / 548 * VIDEOS
VOICED = 0.42
"""The authors' share of frames with an open mouth, the upper bound of what is spoken."""
PRETRAINING = 850_000
"""Pictures of the ten corpora: 631,000 images (paper Table 1), and of 20 h of video every 8th to 20th frame."""
BEST_EPOCH = {"pretraining": 30, "static": 20, "dynamic": 20, "attention": 20}
"""The epoch that is kept, an assumption: patience then trains on for as many epochs as it says."""
WAYS = {"one_machine_h": 1, "ten_nodes_h": 10, "a_hundred_nodes_h": 100}
"""How many nodes work, by the name of the hours that they take."""
CHAINS = ("va", "expr", "acoustic")
"""Stages that do not wait for each other's, by the beginning of their names."""
AFTER = "after the networks"
TRAINING = 3
"""A training step has a forward pass, and a backward pass of twice its arithmetic; of frozen layers there is less."""


@dataclass(frozen=True)
class Line:
    """A stage of the whole.

    Its unit, how many, and the jobs that share them; on a GPU, the unit whose arithmetic counts, how often, and whether
    that is done in half precision; whether a picture is decoded for each; what data a job holds.
    """

    stage: str
    measured: str
    units: float
    jobs: int
    on_gpu: str | None = None
    passes: int = 1
    half: bool = False
    pictures: bool = False
    data_gib: float = 0.0


@dataclass(frozen=True)
class Node:
    """A machine: threads, and arithmetic of its GPU that networks reach, in GFLOP a second."""

    cores: int
    full: float
    half: float


def epochs(stage: str) -> int:
    """How many epochs a training takes: patience trains on after the best one."""
    settings = section("static")["pretraining"] if stage == "pretraining" else section(stage)
    training = settings.get("network", settings)["training"]
    if training["patience"] is None:
        return int(training["epochs"])
    return min(int(training["epochs"]), BEST_EPOCH[stage] + int(training["patience"]))


def plan() -> list[Line]:
    """AffWild2 through config/affwild2.yaml, with every pre-training corpus."""
    analysed = {task: [rows / FRAMES_PER_S * RATE_HZ for rows in ROWS[task]] for task in TASKS}
    labelled = {task: [rows / FRAMES_PER_S * RATE_HZ for rows in LABELLED[task]] for task in TASKS}
    lines = [
        Line("faces", "faces", HOURS * 3600, VIDEOS),
        Line("separation", "separation", HOURS * 3600, VIDEOS),
        Line("faces of pre-training", "faces", PRETRAINING / RATE_HZ, 10),
    ]
    for task in TASKS:
        step, forward, embed = (f"{kind}_{task}" for kind in ("static_step", "static_forward", "embedding"))
        n_train, n_val = labelled[task]
        seen = {"pictures": True}
        lines += [
            Line(f"{task}: pre-training", step, PRETRAINING * epochs("pretraining"), 1, forward, TRAINING, **seen),
            Line(f"{task}: fine-tuning", step, n_train * epochs("static"), 1, forward, TRAINING, **seen),
            Line(f"{task}: choosing its epoch", forward, n_val * epochs("static"), 1, forward, **seen),
            Line(f"{task}: embeddings", embed, sum(analysed[task]), 3, forward, half=True, **seen),
        ]
    sweep, mechanisms = section("dynamic")["sweep"], section("attention")["mechanisms"]
    cells = len(sweep["windows_s"]) * len(sweep["normalisers"])
    # Windows overlap by half; judging an epoch has no backward pass, a third of a step.
    windows = sum(rows[0] + rows[1] / 3 for rows in analysed.values()) / (WINDOW / 2)
    faces_gib, both_gib = (sum(analysed["va"][:2]) * 2 * width / GIB for width in (256, 256 + 1024))
    step_s = section("acoustic")["network"]["step_s"]
    models = len(section("acoustic")["architectures"])
    voiced = sum(rows[0] for rows in ROWS.values()) / FRAMES_PER_S / step_s * VOICED
    whole = sum(map(sum, ROWS.values())) / FRAMES_PER_S / step_s
    trained = models * epochs("acoustic") * voiced
    return [
        *lines,
        Line(
            "transformers: the sweep",
            "dynamic_step",
            cells * epochs("dynamic") * windows,
            2 * cells,
            "dynamic_step",
            data_gib=faces_gib,
        ),
        Line("acoustic: training", "acoustic_step", trained, 2 * models, "acoustic_window", TRAINING, half=True),
        Line("acoustic: predicting", "acoustic_window", whole, 6, "acoustic_window", half=True),
        Line("acoustic: embeddings", "acoustic_window", whole, 6, "acoustic_window", half=True),
        Line(
            "attention: training",
            "attention_step",
            len(mechanisms) * epochs("attention") * windows,
            2 * len(mechanisms),
            "attention_step",
            data_gib=both_gib,
        ),
    ]


def hours(line: Line, units: dict[str, Unit], nodes: int, node: Node) -> float:
    """How long a stage takes; what can use a GPU has one to itself."""
    if line.on_gpu is None:
        return line.units * units[line.measured].seconds / 3600 / min(line.jobs, nodes * node.cores)
    return gpu_hours(line, units, node) / line.jobs * math.ceil(line.jobs / nodes)


def gpu_hours(line: Line, units: dict[str, Unit], node: Node) -> float:
    """Hours in which a stage has a GPU, at work or waiting for pictures."""
    if line.on_gpu is None:
        return 0.0
    seconds = line.passes * units[line.on_gpu].gflop / (node.half if line.half else node.full)
    return line.units * (seconds + picture_s(line, units)) / 3600


def core_hours(line: Line, units: dict[str, Unit]) -> float:
    """Hours of one thread that does all of it."""
    return line.units * (units[line.measured].seconds + picture_s(line, units)) / 3600


def picture_s(line: Line, units: dict[str, Unit]) -> float:
    """Seconds of decoding that a unit waits for."""
    return units["picture"].seconds if line.pictures else 0.0


def longest(taken: dict[str, float], nodes: int) -> float:
    """Hours of the whole, by stage: one after the other, or, on several nodes, the challenges and the sound abreast."""
    if nodes == 1:
        return sum(taken.values())
    abreast = {name: sum(h for stage, h in taken.items() if stage.startswith(f"{name}:")) for name in CHAINS}
    return sum(h for stage, h in taken.items() if stage.split(":")[0] not in CHAINS) + max(abreast.values())


def after_the_networks() -> dict[str, float]:
    """The stages that benchmarks/full_size.py has run, as one; empty where it has not been measured."""
    measured_before = json.loads(MEASURED.read_text(encoding="utf-8")).get("full_size")
    if measured_before is None:
        print(f"{AFTER}: not counted, for docs/measured.json has no figures of full_size")
        return {}
    return {name: measured_before["figures"][name] for name in ("core_hours", "total_min", "worst_gb")}


def main() -> None:
    """Measure, multiply, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--fp32-tflops", type=float, default=19.5, help="published throughput of the GPU, full precision"
    )
    parser.add_argument("--bf16-tflops", type=float, default=312, help="the same, bfloat16 on tensor cores")
    parser.add_argument("--reached", type=float, default=0.35, help="share of that which networks are taken to reach")
    parser.add_argument("--cores", type=int, default=16, help="threads of each node")
    args = parser.parse_args()

    os.environ["OMP_NUM_THREADS"] = "1"
    units: dict[str, Unit] = {}
    for stage in STAGES:  # each in a process of its own: the peak memory is that stage's
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            units[stage] = unit = pool.submit(measured, stage).result()
        print(f"{stage}: {unit.seconds * 1e3:.2f} ms of one thread, {unit.gflop:.2f} GFLOP, {unit.peak_gib:.1f} GiB")
    node = Node(args.cores, args.fp32_tflops * 1e3 * args.reached, args.bf16_tflops * 1e3 * args.reached)
    lines = plan()
    taken = {way: {line.stage: hours(line, units, nodes, node) for line in lines} for way, nodes in WAYS.items()}
    stages = {
        line.stage: {
            "units": round(line.units),
            "core_hours": round(core_hours(line, units), 2),
            "gpu_hours": round(gpu_hours(line, units, node), 2),
            "job_gib": round(units[line.measured].peak_gib + line.data_gib, 1),
            **{way: round(taken[way][line.stage], 2) for way in WAYS},
        }
        for line in lines
    }
    if last := after_the_networks():
        about = {"units": 1, "core_hours": last["core_hours"], "gpu_hours": 0.0, "job_gib": round(last["worst_gb"], 1)}
        stages[AFTER] = about | {way: round(last["total_min"] / 60, 2) for way in WAYS}
        for way in WAYS:
            taken[way][AFTER] = last["total_min"] / 60
    for name, costs in stages.items():
        on_gpu = f", {costs['gpu_hours']:,.1f} hours of a GPU" if costs["gpu_hours"] else ""
        print(f"{name}: {costs['units']:,} units, {costs['core_hours']:,.0f} core hours{on_gpu}")
    print(json.dumps(figures(units, stages, taken)))


def figures(
    units: dict[str, Unit], stages: dict[str, dict[str, float]], taken: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """The last line: units and stages by names without spaces, and the sums over all stages."""

    def of_stages(*words: str) -> int:
        return round(sum(costs["core_hours"] for name, costs in stages.items() if any(word in name for word in words)))

    counted = {line.on_gpu for line in plan()}
    tuned = {way: {name: h for name, h in taken[way].items() if "pre-training" not in name} for way in WAYS}
    return {
        **{
            f"unit_{name}": {"ms": round(unit.seconds * 1e3, 2), "gib": round(unit.peak_gib, 1)}
            | ({"gflop": round(unit.gflop, 3)} if name in counted else {})
            for name, unit in units.items()
        },
        **{f"stage_{re.sub(r'[^a-z0-9]+', '_', name.lower())}": costs for name, costs in stages.items()},
        "core_hours": of_stages(""),
        "gpu_hours": round(sum(costs["gpu_hours"] for costs in stages.values()), 1),
        **{way: round(longest(taken[way], nodes), 1) for way, nodes in WAYS.items()},
        "without_pretraining": {way: round(longest(tuned[way], nodes), 1) for way, nodes in WAYS.items()},
        "prediction_core_hours": of_stages("separation", "embeddings", "predicting")
        + round(stages["faces"]["core_hours"]),
    }


if __name__ == "__main__":
    main()
