"""How fast pictures are ready for a network that learns from them: 240 px out of JPEG crops of 380 px.

    python benchmarks/feed.py --threads 2

Three ways, in turns: the plain one (one thread decodes, fits and augments one picture after another, as version 0.1
did), a torch DataLoader whose workers do the same, and ours (threads decode ahead; the device that trains augments the
whole batch). Ours is timed up to the device's memory, and its augmentation apart. On a GPU the project's own training
loop then trains EfficientNet-B1 and ViT-B/16 with random weights, with the values of config/affwild2.yaml; and again
without recorded steps (`abaw.nn.recording`), without changes of the pictures, and without a feed as well.

The last line printed is a JSON object. `ours_over_plain` and `ours_over_dataloader`: pictures a second of ours over
theirs, medians of rounds; `host_ms_per_image` and `augment_ms_per_image`: of the processor, where the GPU augments of
its time; `augment_asked_ms_per_step`: of the processor for the changes of a batch of tiny pictures; of each network on
a GPU `gpu_images_per_s`, the same `_unrecorded`, `_unchanged` and `_unfed`, `gpu_busy_share` (its kernels' time over
that of the training) and `host_share_of_step` (what the threads decode over that of the training), null without one.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import skimage.data
import torch
import yaml
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from abaw.config import ComputeConfig, ImageTrainingConfig
from abaw.faces.crop import decode_crop, encode_crop
from abaw.nn import runtime
from abaw.nn.compiling import compiled
from abaw.nn.recording import recorded
from abaw.nn.training import fit
from abaw.static.augmentation import PROBABILITY, augmentation
from abaw.static.feed import Batch, Feed, Jpegs
from abaw.static.images import as_images, letterbox
from abaw.static.layers import rate_groups
from abaw.static.learning import picture_loss
from abaw.static.model import StaticModel
from abaw.static.spec import StaticSpec

# isort: split

from torchvision.transforms import v2  # after abaw.static, which makes it importable

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from one_by_one import twelve_one_by_one  # noqa: E402  (the folder need not be installed)

CONFIG = ROOT / "config"
SIDE_PX, CROP_PX, BATCH, N_CROPS, TINY_PX = 240, 380, 64, 256, 16
NETWORKS = {"b1": ("efficientnet_b1.ra4_e3600_r240_in1k", 240), "vit": ("vit_base_patch16_224.augreg_in1k", 224)}
FILES = ("config", "affwild2")
CPU = torch.device("cpu")
Load = Callable[[Iterable[Tensor]], Iterable[Batch]]


class Training(NamedTuple):
    """What an epoch of a training takes, and its kernels on a GPU, one after the other."""

    epoch_s: float
    kernels_s: float
    kernels: int


def crops() -> list[bytes]:
    """Crops of a photo, each of another part of it."""
    photo = cv2.resize(cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR), (700, 700))
    places = np.random.default_rng(0).integers(0, 320, (N_CROPS, 2)).tolist()
    return [encode_crop(photo[y : y + CROP_PX, x : x + CROP_PX - 40], 95) for y, x in places]


class OneByOne(Dataset[Tensor]):
    """The plain way: a picture decoded, fitted and augmented, by torchvision's transforms."""

    def __init__(self, jpegs: list[bytes], side_px: int) -> None:
        self.jpegs, self.side_px = jpegs, side_px
        self.augment = v2.Compose([v2.RandomApply([change], PROBABILITY) for change in twelve_one_by_one(side_px)])

    def __len__(self) -> int:
        return len(self.jpegs)

    def __getitem__(self, item: int) -> Tensor:
        square = torch.from_numpy(letterbox(decode_crop(self.jpegs[item]), self.side_px))
        return self.augment(square.permute(2, 0, 1).float().div(255))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """How long one call takes, and how much of the processor: seconds."""
    begin, of_processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - of_processor


def on_host(jpegs: list[bytes], threads: int, rounds: int) -> dict[str, float]:
    """The three ways in turns, by their ratios."""
    pictures = OneByOne(jpegs, SIDE_PX)
    workers: Any = DataLoader(pictures, BATCH, num_workers=threads, persistent_workers=True)
    feed = Feed(Jpegs.of(jpegs, SIDE_PX, threads), SIDE_PX, CPU, threads, held_bytes=0)
    orders = torch.arange(len(jpegs)).split(BATCH)

    def plain() -> None:
        for order in orders:
            torch.stack([pictures[item] for item in order.tolist()])

    ways: tuple[Callable[[], object], ...] = (plain, lambda: [*workers], lambda: [*feed.batches(orders)])
    for way in ways:
        way()
    found = np.array([[timed(way) for way in ways] for _ in range(rounds)])
    taken = found[:, :, 0]
    rates = ", ".join(f"{len(jpegs) / seconds:,.0f}" for seconds in np.median(taken, axis=0))
    print(f"pictures a second: {rates} (plain, DataLoader, ours)")
    return {
        "ours_over_plain": round(float(np.median(taken[:, 0] / taken[:, 2])), 1),
        "ours_over_dataloader": round(float(np.median(taken[:, 1] / taken[:, 2])), 1),
        "host_ms_per_image": round(float(np.median(found[:, 2, 1])) / len(jpegs) * 1e3, 2),
    }


def augment_ms(jpegs: list[bytes], device: torch.device, rounds: int) -> float:
    """What the paper's changes of a batch take for each picture: of a GPU, or of the processor."""
    feed, change = Feed(Jpegs.of(jpegs, SIDE_PX), SIDE_PX, device), augmentation("paper", SIDE_PX)
    batches = [as_images(batch.pixels, device) for batch in feed.batches(torch.arange(len(jpegs)).split(BATCH))]

    def work() -> None:
        for images in batches:
            change(images.clone())
        if device.type == "cuda":
            torch.cuda.synchronize()

    work()
    found = np.median([timed(work) for _ in range(rounds)], axis=0)[0 if device.type == "cuda" else 1]
    return round(float(found) / len(jpegs) * 1e3, 3)


def augment_asked_ms(rounds: int) -> float:
    """What of the processor it takes to ask for the paper's changes of a batch, whose pictures hold next to nothing."""
    change, images = augmentation("paper", TINY_PX), torch.rand(BATCH, 3, TINY_PX, TINY_PX)

    def work() -> None:
        for _ in range(20):
            change(images.clone())

    work()
    return round(float(np.median([timed(work)[1] for _ in range(rounds)])) / 20 * 1e3, 2)


def affwild2() -> dict[str, Any]:
    """The values of config/affwild2.yaml, and those of config/config.yaml that it leaves."""

    def merged(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
        inner = {key for key, value in other.items() if isinstance(value, dict) and one.get(key)}
        return {**one, **other, **{key: merged(one[key], other[key]) for key in inner}}

    return reduce(merged, [yaml.safe_load((CONFIG / f"{name}.yaml").read_text("utf-8")) for name in FILES])


def settings(static: Mapping[str, Any]) -> ImageTrainingConfig:
    """How the frames' model is fine-tuned on AffWild2, a few epochs of it."""
    training = static["training"] | {"keep": "last", "patience": None, "learning_rate": 1e-4}
    own = {name: static[name] for name in ImageTrainingConfig.model_fields}
    return ImageTrainingConfig.model_validate(own | {"training": training})


def on_gpu(network: str, jpegs: list[bytes], device: torch.device, steps: int, compile_steps: bool) -> dict[str, float]:
    """A training by the project's loop; then without recording, without changes of the pictures, and without a feed."""
    config = affwild2()
    backbone, side_px = NETWORKS[network]
    half = (0.5, 0.5, 0.5)
    spec = StaticSpec(("expr",), backbone, side_px, half, half, dropout=0.1, drop_path=0.2 if network == "b1" else 0.0)
    model = StaticModel(spec).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    n, threads = steps * BATCH, config["compute"]["decoding_threads"]
    feed = Feed(Jpegs.of(jpegs, side_px)[np.arange(n) % len(jpegs)], side_px, device, threads, held_bytes=0)
    [first] = feed.batches([torch.arange(BATCH)])
    on_device = Batch(first.items, first.pixels.to(device))
    chosen = settings(config["static"])
    unchanged = chosen.model_copy(update={"augmentation": "none"})

    def trained(load: Load, chosen: ImageTrainingConfig, record: bool = True, counted: bool = False) -> Training:
        whole = compiled(model) if compile_steps else model
        learner = recorded(whole, BATCH, device) if record else whole
        loss = picture_loss(learner, spec, {"expr": np.arange(n) % 8.0}, chosen, device)
        return timed_training(model, loss, n, load, chosen, counted)

    ways = {
        "": trained(feed.batches, chosen, counted=True),
        "_unrecorded": trained(feed.batches, chosen, record=False),
        "_unchanged": trained(feed.batches, unchanged),
        "_unfed": trained(lambda orders: (on_device for _ in orders), unchanged),
    }
    found = ways[""]
    return {
        **{f"images_per_s{way}": round(n / other.epoch_s) for way, other in ways.items()},
        "busy_share": round(found.kernels_s / found.epoch_s, 3),
        "kernels_per_step": round(found.kernels / steps),
        "step_ms": found.epoch_s / steps * 1e3,
    }


def timed_training(
    model: StaticModel,
    loss: Callable[[Batch], Tensor],
    n: int,
    load: Load,
    chosen: ImageTrainingConfig,
    counted: bool,
) -> Training:
    """Two epochs of `n` pictures, the second timed; where they are `counted`, a third whose kernels are."""
    marks: list[float] = []
    profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA], acc_events=True)

    def mark(epoch: int) -> None:
        torch.cuda.synchronize()
        marks.append(time.perf_counter())
        if epoch == 3 and counted:
            profiler.start()

    def done() -> dict[str, float]:
        mark(0)
        if counted:
            profiler.stop()
        return {"m": 0.0}

    training = chosen.training.model_copy(update={"epochs": 3 if counted else 2})
    groups = rate_groups(model, chosen)
    fit(model, loss, n, done, "m", training, 0, load=load, before_epoch=mark, groups=groups)
    ran = []
    if counted:  # as the profiler holds them: what it makes of so many takes it minutes
        events = profiler.profiler.kineto_results.events()  # type: ignore[union-attr]
        ran = [event.duration_ns() for event in events if event.device_type() == torch.autograd.DeviceType.CUDA]
    found = Training(marks[2] - marks[1], sum(ran) / 1e9, len(ran))
    print(
        f"{n / found.epoch_s:,.0f} pictures a second, of {found.epoch_s:.2f} s kernels {found.kernels_s:.2f} s",
        flush=True,
    )
    return found


def main() -> None:
    """Time the host, then the device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="that decode, and workers of the DataLoader")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="of an epoch on a GPU")
    parser.add_argument("--quickest", action="store_true", help="let a GPU take algorithms that are not deterministic")
    parser.add_argument("--compile", action="store_true", help="let torch compile the steps on a GPU")
    args = parser.parse_args()

    device = runtime.start(ComputeConfig(device="auto", threads=1, deterministic=not args.quickest), seed=0)
    cv2.setNumThreads(1)
    jpegs = crops()
    host = on_host(jpegs, args.threads, args.rounds)
    host["augment_ms_per_image"] = augment_ms(jpegs, device, args.rounds)
    host["augment_asked_ms_per_step"] = augment_asked_ms(args.rounds)
    gpu: dict[str, Any] = {"gpu_images_per_s": None, "gpu_busy_share": None, "host_share_of_step": None}
    if device.type == "cuda":
        found = {name: on_gpu(name, jpegs, device, args.steps, args.compile) for name in NETWORKS}
        steps_ms = {name: each.pop("step_ms") for name, each in found.items()}
        gpu = {f"gpu_{what}": {name: found[name][what] for name in found} for what in found["b1"]}
        host_ms = host["host_ms_per_image"] * BATCH / affwild2()["compute"]["decoding_threads"]
        gpu["host_share_of_step"] = {name: round(host_ms / step_ms, 3) for name, step_ms in steps_ms.items()}
    print(json.dumps(host | gpu))


if __name__ == "__main__":
    main()
