"""What the whole of AffWild2 costs, stage by stage, from what a unit of each stage costs.

    python benchmarks/affwild2.py

Each stage runs the project's own code on a few units of the paper's size (affwild2_units.py), in a process of its own,
on one thread of this machine. What counts is the time of the processor, of which work beside it takes more, and the
peak memory of the process. Sizes are AffWild2's, as its users counted them. The stages after the networks are those
that benchmarks/full_size.py has run, as docs/measured.json has them.

What a GPU takes follows from what benchmarks/feed.py has measured on one: pictures a second that a training of each
backbone learns from, decoding and augmentation included. They are given (--images-per-s), or put together of the two
runs in docs/measured.json: the time of a picture's kernels with fused attention (feed_gpu_fused, whose steps were not
recorded), and the time in which no kernel ran where steps are recorded (feed_gpu, without fused attention). A picture
that is only looked at takes a third, for a step has a forward pass and a backward pass of twice its arithmetic. A
network over sound takes its arithmetic, counted here, at the rate at which ViT-B/16 is trained. Networks over time have
next to no arithmetic: a step takes as long as Python and torch take here to ask for it.

config/affwild2_best.yaml is summed up in the same way, with units of its own. Each fold trains, judges, embeds and
predicts anew; a backbone whose layers all stay as they are is only looked through; DINOv2's arithmetic is done at
ViT-B/16's rate.

docs/scale.md shows what this prints. The last line is a JSON object. `images_per_s` and `gpu_tflops`: the rates above;
`unit_...` and `stage_...`: what one unit of each stage costs, and each stage of the whole; `core_hours` and
`gpu_hours`: all stages together; `prediction_core_hours`: what predicting with trained weights takes, which needs no
GPU; `hours`: how long the whole takes on one machine with one card to eight, in several ways; `doubts`: on one card, if
what is assumed is otherwise; `best`: stages and sums of config/affwild2_best.yaml.
"""

import argparse
import json
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from affwild2_form import BEST, GIB, PAPER, TASKS, WINDOW, section
from affwild2_schedule import BEFORE, FACES_BEFORE, HEARD, Job, makespan, waits
from affwild2_units import STAGES, Unit, measured

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
CARDS = {"one_card": 1, "two_cards": 2, "four_cards": 4, "eight_cards": 8}
BEST_BACKBONE = "best"
AFTER = "after the networks"
TRAINING = 3
"""A training step has a forward pass, and a backward pass of twice its arithmetic; of frozen layers there is less."""

Cost = Literal["learned", "looked at", "arithmetic", "read", "launches"]


@dataclass(frozen=True)
class Line:
    """A stage of the whole.

    Its unit, how many, and the jobs that share them; on a GPU, what of a unit costs time there, of which backbone (va
    and expr: the paper's) or at how many units a step; what data a job holds.
    """

    stage: str
    measured: str
    units: float
    jobs: int
    cost: Cost | None = None
    backbone: str = ""
    batch: int = 1
    data_gib: float = 0.0
    pictures: bool = False


@dataclass(frozen=True)
class Gpu:
    """Pictures a second that each backbone learns from, and GFLOP a second."""

    images_per_s: Mapping[str, float]
    gflops: float


@dataclass(frozen=True)
class Trained:
    """Numbers of a challenge over its official split and all folds: learned in an epoch, judged, and said of all."""

    learned: float
    judged: float
    whole: float
    runs: int


def with_folds(numbers: Sequence[float], preset: str) -> Trained:
    """Of numbers of training, validation and test: a fold judges its share of the first two, and learns the others."""
    folds = section("folds", preset) or 0
    annotated = numbers[0] + numbers[1]
    learned = numbers[0] + max(0, folds - 1) * annotated
    return Trained(learned, numbers[1] + (annotated if folds else 0), (1 + folds) * sum(numbers), 1 + folds)


def epochs(stage: str, preset: str = PAPER, later: int = 0) -> int:
    """How many epochs a training takes: patience trains on after the best one, unless something else ends it.

    The best comes so many epochs `later` than it is assumed to.
    """
    settings = section("static", preset)["pretraining"] if stage == "pretraining" else section(stage, preset)
    training = settings.get("network", settings)["training"]
    most = int(training["epochs"])
    if training["max_cycles"] is not None:
        turns = training["max_cycles"] * (2 if training["schedule"] == "cosine" else 1)
        most = min(most, (turns - (training["schedule"] == "cosine")) * training["cycle_epochs"])
    if stage == "pretraining" and settings["max_images"] is not None:
        most = min(most, max(1, settings["max_images"] // PRETRAINING))
    return most if training["patience"] is None else min(most, later + by_patience(stage, training["patience"]))


def by_patience(stage: str, patience: int) -> int:
    """Epochs that patience alone allows."""
    return BEST_EPOCH[stage] + patience


def plan(pretraining_epochs: int, preset: str = PAPER, later: int = 0) -> list[Line]:
    """AffWild2 through a preset, with every pre-training corpus; none where it has no epochs."""
    analysed = {task: [rows / FRAMES_PER_S * RATE_HZ for rows in ROWS[task]] for task in TASKS}
    labelled = {task: [rows / FRAMES_PER_S * RATE_HZ for rows in LABELLED[task]] for task in TASKS}
    lines = [Line("faces", "faces", HOURS * 3600, VIDEOS), Line("separation", "separation", HOURS * 3600, VIDEOS)]
    if pretraining_epochs:
        lines.append(Line(FACES_BEFORE, "faces", PRETRAINING / RATE_HZ, 10))
    settings = section("static", preset)
    for task in TASKS:
        backbone = BEST_BACKBONE if (preset, task) == (BEST, "expr") else task
        step, forward, embed = (f"{kind}_{backbone}" for kind in ("static_step", "static_forward", "embedding"))
        embed = forward if backbone == BEST_BACKBONE else embed
        part, every = with_folds(labelled[task], preset), with_folds(analysed[task], preset)
        seen: dict[str, Any] = {"backbone": backbone, "pictures": True}
        if pretraining_epochs:
            lines.append(Line(f"{task}: {BEFORE}", step, PRETRAINING * pretraining_epochs, 1, "learned", **seen))
        form = settings["backbones"][task]
        n_crops = len(form["crop_scales"]) * len(form["input_scales"])
        n = epochs("static", preset, later)
        kept = settings["unfrozen_layers"] == 0 and n == 1
        looked: tuple[str, Cost] = (forward, "looked at") if kept else (step, "learned")
        judged = n if settings["training"]["keep"] == "best" else 1
        lines += [
            Line(f"{task}: fine-tuning", looked[0], part.learned * n, part.runs, looked[1], **seen),
            Line(
                f"{task}: choosing its epoch", forward, n_crops * part.judged * judged, part.runs, "looked at", **seen
            ),
            Line(f"{task}: embeddings", embed, n_crops * every.whole, every.runs, "looked at", **seen),
        ]
    return lines + over_time(analysed, preset, later) + heard(preset)


def over_time(analysed: Mapping[str, list[float]], preset: str, later: int) -> list[Line]:
    """The networks over windows of embeddings; judging an epoch is a third of a step."""
    sweep, attention = section("dynamic", preset), section("attention", preset)
    own = "_best" if preset == BEST else ""
    cells = len(sweep["sweep"]["windows_s"]) * len(sweep["sweep"]["normalisers"])
    faces_gib, both_gib = (sum(analysed["va"][:2]) * 2 * width / GIB for width in (256, 256 + 1024))
    lines = []
    for task, rows in analysed.items():
        part = with_folds(rows, preset)
        frames = part.learned + part.judged / 3
        for name, unit, jobs, settings, held in (
            ("dynamic", f"dynamic_step{own}", cells, sweep["network"], faces_gib),
            ("attention", "attention_step", len(attention["mechanisms"]), attention["network"], both_gib),
        ):
            windows = frames / (WINDOW * (1 - settings["overlap"]))
            units, batch = jobs * epochs(name, preset, later) * windows, settings["training"]["batch_size"]
            what = "the transformers of the sweep" if name == "dynamic" else "attention"
            about: dict[str, Any] = {"batch": batch, "data_gib": held}
            lines.append(Line(f"{task}: {what}", unit, units, jobs * part.runs, "launches", **about))
    return lines


def heard(preset: str) -> list[Line]:
    """The acoustic models, which train together: each epoch hears validation's windows, and its whole tracks.

    Of the paper's encoder what lies below the layers that learn is heard once, and read after each epoch.
    """
    settings, own = section("acoustic", preset), "_best" if preset == BEST else ""
    models, step_s, lines = len(settings["architectures"]), settings["network"]["step_s"], []
    window, voice = f"acoustic_window{own}", section("voice_functional", preset)
    for task in TASKS:
        heard_s = with_folds([rows / FRAMES_PER_S for rows in ROWS[task]], preset)
        n, runs = epochs("acoustic", preset), heard_s.runs
        trained, judged = heard_s.learned * VOICED * n, heard_s.judged * (1 + VOICED)
        said, once = heard_s.whole / step_s, preset == PAPER  # WavLM's layers take more than is kept
        if once:
            lines.append(Line(f"{task}: {HEARD}", window, judged / step_s, runs, "arithmetic"))
        again: tuple[str, Cost] = ("acoustic_judged", "read") if once else (window, "arithmetic")
        batch = settings["network"]["training"]["batch_size"]
        lines += [
            Line(f"{task}: acoustic models", f"acoustic_step{own}", trained / step_s, runs, "arithmetic"),
            Line(f"{task}: choosing their epochs", again[0], judged * models * n / step_s, runs, again[1], batch=batch),
            Line(f"{task}: predictions and embeddings of the voice", window, said, runs, "arithmetic"),
        ]
        if voice["enabled"]:
            described = heard_s.whole / voice["statistics"]["step_s"]
            what = f"{task}: statistics of the voice"
            lines.append(Line(what, "statistics_window_best", described, 3 * runs, "arithmetic"))
    return lines


def gpu_hours(line: Line, units: Mapping[str, Unit], gpu: Gpu) -> float:
    """Hours of one card, at work or waiting."""
    if line.cost is None:
        return 0.0
    unit = units[line.measured]
    arithmetic = unit.gflop / gpu.gflops
    if line.cost == "learned":
        seconds = 1 / gpu.images_per_s[line.backbone]
    elif line.cost == "looked at":
        seconds = 1 / gpu.images_per_s[line.backbone] / TRAINING
    elif line.cost == "launches":
        seconds = max(arithmetic, units[line.measured.replace("_step", "_launches")].seconds / line.batch)
    else:
        seconds = arithmetic
        if line.cost == "read":  # one after the other, for what is said of a batch is waited for
            seconds += units["acoustic_read"].seconds + units["acoustic_launches"].seconds / line.batch
    return line.units * seconds / 3600


def core_hours(line: Line, units: Mapping[str, Unit]) -> float:
    """Hours of one thread that does all of it."""
    picture_s = units["picture"].seconds if line.pictures else 0.0
    return line.units * (units[line.measured].seconds + picture_s) / 3600


def whole_h(lines: list[Line], units: Mapping[str, Unit], gpu: Gpu, cards: int, cores: int, together: int) -> float:
    """Hours of the whole on one machine: the stages on its cores one by one, each network as soon as it is ready.

    Networks' jobs go to cards, one to each; trainings on pictures take `together` of them, and are that much quicker.
    """
    jobs: dict[str, Job] = {}
    for line in lines:
        if line.cost is None:
            width, hours = 0, core_hours(line, units) / min(line.jobs, cores)
        else:
            width = together if line.cost == "learned" else 1
            hours = gpu_hours(line, units, gpu) / line.jobs / width
        names = [f"{line.stage} {number}" for number in range(line.jobs if width else 1)]
        after = {name for name, job in jobs.items() if waits(line.stage, job.stage)}
        jobs |= {name: Job(line.stage, hours, width, after) for name in names}
    return makespan(jobs, cards) + measured_before("full_size").get("total_min", 0.0) / 60


def measured_before(benchmark: str) -> dict[str, Any]:
    """The figures that docs/measured.json has of a benchmark; empty where it has none."""
    return json.loads(MEASURED.read_text(encoding="utf-8")).get(benchmark, {"figures": {}})["figures"]


def images_per_s(busy: float | None = None) -> list[float]:
    """Of B1 and ViT-B/16, by the time in which a GPU runs a picture's kernels and the time in which it runs none.

    Where kernels run a share of the time that is given, as it would then be.
    """
    fused, recorded = measured_before("feed_gpu_fused"), measured_before("feed_gpu")
    rates = []
    for network in ("b1", "vit"):
        kernels_s = fused["gpu_busy_share"][network] / fused["gpu_images_per_s"][network]
        idle_s = (1 - recorded["gpu_busy_share"][network]) / recorded["gpu_images_per_s"][network]
        rates.append(round(1 / (kernels_s + idle_s if busy is None else kernels_s / busy)))
    return rates


def main() -> None:
    """Measure, multiply, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said: dict[str, Any] = {"type": float, "nargs": 2, "metavar": ("B1", "VIT")}
    parser.add_argument("--images-per-s", default=images_per_s(), help="gpu_images_per_s of benchmarks/feed.py", **said)
    parser.add_argument("--cores", type=int, default=16, help="threads of the machine")
    args = parser.parse_args()

    os.environ["OMP_NUM_THREADS"] = "1"
    units: dict[str, Unit] = {}
    for stage in STAGES:  # each in a process of its own: the peak memory is that stage's
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            units[stage] = unit = pool.submit(measured, stage).result()
        print(f"{stage}: {unit.seconds * 1e3:.2f} ms of one thread, {unit.gflop:.2f} GFLOP, {unit.peak_gib:.1f} GiB")
    gpu = gpu_of(args.images_per_s, units)
    print(f"a GPU trains ViT-B/16 at {gpu.gflops / 1e3:.0f} TFLOPS")
    stages, best = (stages_of(plan(epochs("pretraining", preset), preset), units, gpu) for preset in (PAPER, BEST))
    if last := measured_before("full_size"):
        about = {"units": 1, "core_hours": last["core_hours"], "gpu_hours": 0.0, "job_gib": round(last["worst_gb"], 1)}
        stages[AFTER] = about
    else:
        print(f"{AFTER}: not counted, for docs/measured.json has no figures of full_size")
    for preset, found in ((PAPER, stages), (BEST, best)):
        print(f"config/{preset}.yaml:")
        for name, costs in found.items():
            on_gpu = f", {costs['gpu_hours']:,.1f} hours of a GPU" if costs["gpu_hours"] else ""
            print(f"{name}: {costs['units']:,} units, {costs['core_hours']:,.0f} core hours{on_gpu}")
    predicted = round(sum(stages[name]["core_hours"] for name in stages if re.search("^faces$|separation|embed", name)))
    own = {"prediction_core_hours": predicted, "best": figures({}, best), "hours": ways(units, gpu, args.cores)}
    own["images_per_s"] = dict(zip(TASKS, args.images_per_s, strict=True))
    own |= {"gpu_tflops": round(gpu.gflops / 1e3), "doubts": doubts(units, gpu, args.cores)}
    print(json.dumps(figures(units, stages) | own))


def gpu_of(rates: Sequence[float], units: Mapping[str, Unit]) -> Gpu:
    """A GPU that learns from so many pictures a second with each backbone; all else has the arithmetic of ViT-B/16."""
    gflops = rates[1] * TRAINING * units["static_forward_expr"].gflop
    best_rate = gflops / TRAINING / units["static_forward_best"].gflop
    return Gpu(dict(zip(TASKS, rates, strict=True)) | {BEST_BACKBONE: best_rate}, gflops)


def doubts(units: Mapping[str, Unit], gpu: Gpu, cores: int) -> dict[str, float]:
    """Hours of config/affwild2.yaml on one card if what is assumed, or put together, is otherwise."""

    def hours(gpu: Gpu, units: Mapping[str, Unit] = units, later: int = 0) -> float:
        return round(whole_h(plan(epochs("pretraining"), later=later), units, gpu, 1, cores, 1), 1)

    slower = {name: replace(unit, seconds=2 * unit.seconds) for name, unit in units.items()}
    return {
        "sound_half": hours(replace(gpu, gflops=gpu.gflops / 2)),
        "best_later": hours(gpu, later=10),
        "processor_half": hours(gpu, slower),
        "plain_attention": hours(gpu_of([*measured_before("feed_gpu")["gpu_images_per_s"].values()], units)),
        "busy": hours(gpu_of(images_per_s(busy=0.9), units)),
    }


def stages_of(lines: list[Line], units: Mapping[str, Unit], gpu: Gpu) -> dict[str, dict[str, float]]:
    """What each stage costs, by its name."""
    return {
        line.stage: {
            "units": round(line.units),
            "core_hours": round(core_hours(line, units), 2),
            "gpu_hours": round(gpu_hours(line, units, gpu), 2),
            "job_gib": round(units[line.measured].peak_gib + line.data_gib, 1),
        }
        for line in lines
    }


def ways(units: Mapping[str, Unit], gpu: Gpu, cores: int) -> dict[str, dict[str, float]]:
    """Hours of the whole by way and number of cards."""
    by_patience_alone = by_patience("pretraining", section("static")["pretraining"]["training"]["patience"])
    configured, best = (epochs("pretraining", preset) for preset in (PAPER, BEST))
    chosen = {
        "configured": (plan(configured), False),
        "together": (plan(configured), True),
        "patience": (plan(by_patience_alone), False),
        "given": (plan(0), False),
        "best": (plan(best, BEST), False),
        "best_given": (plan(0, BEST), False),
    }
    return {
        way: {
            name: round(whole_h(lines, units, gpu, cards, cores, max(1, cards // 2) if shared else 1), 1)
            for name, cards in CARDS.items()
        }
        for way, (lines, shared) in chosen.items()
    }


def figures(units: Mapping[str, Unit], stages: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Units and stages by names without spaces, and the sums over all stages."""
    lines = [line for preset in (PAPER, BEST) for line in plan(1, preset)]
    counted = {line.measured for line in lines if line.cost in ("arithmetic", "read")}
    counted |= {"static_forward_expr", "static_forward_best"}
    return {
        **{
            f"unit_{name}": {"ms": round(unit.seconds * 1e3, 2), "gib": round(unit.peak_gib, 1)}
            | ({"gflop": round(unit.gflop, 3)} if name in counted else {})
            for name, unit in units.items()
        },
        **{f"stage_{re.sub(r'[^a-z0-9]+', '_', name.lower())}": costs for name, costs in stages.items()},
        "core_hours": round(sum(costs["core_hours"] for costs in stages.values())),
        "gpu_hours": round(sum(costs["gpu_hours"] for costs in stages.values()), 1),
    }


if __name__ == "__main__":
    main()
