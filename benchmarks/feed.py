"""How fast pictures are ready for a network that learns from them: 240 px out of JPEG crops of 380 px.

    python benchmarks/feed.py --threads 2

Three ways, in turns: the plain one (one thread decodes, fits and augments one picture after another, as version 0.1
did), a torch DataLoader whose workers do the same, and ours (threads decode ahead; the device that trains augments the
whole batch). Ours is timed up to the device's memory, and its augmentation apart. On a GPU the project's own training
loop then trains EfficientNet-B1 and ViT-B/16 with random weights, with the values of config/affwild2.yaml.

The last line printed is a JSON object. `ours_over_plain` and `ours_over_dataloader`: pictures a second of ours over
theirs, medians of rounds; `host_ms_per_image` and `augment_ms_per_image`: of the processor, where the GPU augments of
its time; of each network on a GPU `gpu_images_per_s`, `gpu_busy_share` (its kernels' time over that of the training)
and `host_share_of_step` (what a thread decodes over that of the training), null without one.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

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
from abaw.nn.training import fit
from abaw.static.augmentation import PROBABILITY, augmentation
from abaw.static.feed import Batch, Feed, Jpegs
from abaw.static.images import as_images, letterbox
from abaw.static.learning import picture_loss
from abaw.static.model import StaticModel
from abaw.static.spec import StaticSpec

# isort: split

from torchvision.transforms import v2  # after abaw.static, which makes it importable

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from one_by_one import twelve_one_by_one  # noqa: E402  (the folder need not be installed)

CONFIG = ROOT / "config"
SIDE_PX, CROP_PX, BATCH, N_CROPS = 240, 380, 64, 256
NETWORKS = {"b1": ("efficientnet_b1.ra4_e3600_r240_in1k", 240), "vit": ("vit_base_patch16_224.augreg_in1k", 224)}
CPU = torch.device("cpu")


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


def settings() -> ImageTrainingConfig:
    """How the frames' model is fine-tuned on AffWild2, three epochs of it."""

    def merged(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
        inner = {key for key, value in other.items() if isinstance(value, dict) and one.get(key)}
        return {**one, **other, **{key: merged(one[key], other[key]) for key in inner}}

    files = [yaml.safe_load((CONFIG / name).read_text(encoding="utf-8")) for name in ("config.yaml", "affwild2.yaml")]
    static = reduce(merged, files)["static"]
    training = static["training"] | {"epochs": 3, "keep": "last", "patience": None, "learning_rate": 1e-4}
    own = {name: static[name] for name in ImageTrainingConfig.model_fields}
    return ImageTrainingConfig.model_validate(own | {"training": training, "lowest_layer_rate": 0.0})


def on_gpu(
    network: str, jpegs: list[bytes], device: torch.device, threads: int, steps: int, compile_steps: bool
) -> dict[str, float]:
    """A training by the project's loop; the same without changes of the pictures, and without a feed as well."""
    backbone, side_px = NETWORKS[network]
    half = (0.5, 0.5, 0.5)
    spec = StaticSpec(("expr",), backbone, side_px, half, half, dropout=0.1, drop_path=0.2 if network == "b1" else 0.0)
    model = StaticModel(spec).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learner = compiled(model) if compile_steps else model
    n = steps * BATCH
    repeated = Jpegs.of(jpegs, side_px, threads)[np.arange(n) % len(jpegs)]
    feed, labels = Feed(repeated, side_px, device, threads, held_bytes=0), np.arange(n) % 8.0
    [first] = feed.batches([torch.arange(BATCH)])
    on_device = Batch(first.items, first.pixels.to(device))
    unchanged = settings().model_copy(update={"augmentation": "none"})

    def trained(load: Callable[[Iterable[Tensor]], Iterable[Batch]], chosen: ImageTrainingConfig) -> dict[str, float]:
        return timed_training(model, picture_loss(learner, spec, {"expr": labels}, chosen, device), n, load, chosen)

    found = trained(feed.batches, settings())
    return found | {
        "unchanged": trained(feed.batches, unchanged)["images_per_s"],
        "unfed": trained(lambda orders: (on_device for _ in orders), unchanged)["images_per_s"],
    }


def timed_training(
    model: StaticModel,
    loss: Callable[[Batch], Tensor],
    n: int,
    load: Callable[[Iterable[Tensor]], Iterable[Batch]],
    chosen: ImageTrainingConfig,
) -> dict[str, float]:
    """Three epochs of `n` pictures: the second is timed, and of the third the kernels are counted."""
    marks: list[float] = []
    profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])

    def mark(epoch: int) -> None:
        torch.cuda.synchronize()
        marks.append(time.perf_counter())
        if epoch == 3:
            profiler.start()

    def done() -> dict[str, float]:
        torch.cuda.synchronize()
        profiler.stop()
        return {"m": 0.0}

    fit(model, loss, n, done, "m", chosen.training, 0, load=load, before_epoch=mark)
    seconds = marks[2] - marks[1]
    kernels = [event for event in profiler.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    busy_s = sum(event.time_range.elapsed_us() for event in kernels) / 1e6
    return {
        "images_per_s": round(n / seconds),
        "busy": round(busy_s / seconds, 3),
        "step_ms": seconds / n * 1e3,
        "kernels": round(len(kernels) / (n / BATCH)),
    }


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
    gpu: dict[str, Any] = {"gpu_images_per_s": None, "gpu_busy_share": None, "host_share_of_step": None}
    if device.type == "cuda":
        found = {name: on_gpu(name, jpegs, device, args.threads, args.steps, args.compile) for name in NETWORKS}
        gpu = {
            "gpu_images_per_s": {name: each["images_per_s"] for name, each in found.items()},
            "gpu_busy_share": {name: each["busy"] for name, each in found.items()},
            "gpu_kernels_per_step": {name: each["kernels"] for name, each in found.items()},
            "gpu_images_per_s_unchanged": {name: each["unchanged"] for name, each in found.items()},
            "gpu_images_per_s_unfed": {name: each["unfed"] for name, each in found.items()},
            "host_share_of_step": {
                name: round(host["host_ms_per_image"] / each["step_ms"] / args.threads, 3)
                for name, each in found.items()
            },
        }
    print(json.dumps(host | gpu))


if __name__ == "__main__":
    main()
