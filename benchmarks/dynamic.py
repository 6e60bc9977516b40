"""How fast the transformer over time is fed, against a torch DataLoader over the same windows, at AffWild2's size.

    python benchmarks/dynamic.py --threads 2

540,000 made-up embeddings of 256 half floats in 594 sequences; windows of 4 s at 5 frames a second, batches of 64 with
face mask and labels. The last line printed is a JSON object. `feed_over_dataloader`: windows a second of our feeding
alone over those of a DataLoader with two workers; `feed_over_dataloader_in_process`: over one without workers, which is
faster for items as small as these; `feed_share`: the share of a training step that our feeding takes;
`feed_ms`: a batch by ours, by a DataLoader in the process, by one with two workers; `gpu_loop_over_dataloader`: the
whole training loop over the one with the DataLoader, null without a GPU.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from abaw.config import DynamicNetworkConfig
from abaw.dynamic.model import DynamicModel, Windows
from abaw.nn.losses import ccc_loss

CONFIG = Path(__file__).resolve().parents[1] / "config" / "config.yaml"
N_FRAMES, N_SEQUENCES, WINDOW, BATCH = 540_000, 594, 20, 64

Batch = tuple[Tensor, ...]
Batches = Callable[[int], Iterator[Batch]]


class PlainWindows(Dataset[Batch]):
    """The plain way: embeddings, face mask and labels of a window are cut out of its sequence when it is asked for."""

    def __init__(self, sequences: list[Tensor], masks: list[Tensor], labels: list[Tensor]) -> None:
        self.sequences, self.masks, self.labels = sequences, masks, labels
        self.places = [
            (number, start)
            for number, sequence in enumerate(sequences)
            for start in range(0, len(sequence) - WINDOW + 1, WINDOW // 2)
        ]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, item: int) -> Batch:
        number, start = self.places[item]
        stretch = slice(start, start + WINDOW)
        return self.sequences[number][stretch], self.masks[number][stretch], self.labels[number][stretch]


def ours(windows: Windows, labels: Tensor) -> Batches:
    """Random batches of strided views."""

    def batches(count: int) -> Iterator[Batch]:
        order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))
        for items in order[: count * BATCH].split(BATCH):
            embeddings, mask, faces = windows.batch(items)
            yield embeddings, mask, windows.take(labels, items), faces

    return batches


def plain(dataset: PlainWindows, workers: int, device: torch.device) -> Batches:
    """Random batches of a DataLoader that is made once."""
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(
        dataset, BATCH, shuffle=True, generator=generator, num_workers=workers, persistent_workers=workers > 0
    )

    def batches(count: int) -> Iterator[Batch]:
        for number, (embeddings, mask, labels) in enumerate(loader):
            if number == count:
                return
            yield embeddings.to(device), mask.to(device), labels.to(device)

    return batches


def seconds(work: Callable[[], None], repeats: int) -> float:
    """The shortest of some runs, after one that does not count."""
    work()
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        found.append(time.perf_counter() - begin)
    return min(found)


def feeding(batches: Batches, count: int) -> Callable[[], None]:
    """Make batches and do nothing with them."""

    def work() -> None:
        for _ in batches(count):
            pass

    return work


def training(batches: Batches, count: int, device: torch.device) -> Callable[[], None]:
    """Train on batches, as the workflow does: loss, gradient, step."""
    settings = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["dynamic"]["network"]
    model = DynamicModel("va", DynamicNetworkConfig.model_validate(settings)).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-4)

    def work() -> None:
        for embeddings, mask, labels, *faces in batches(count):
            loss = ccc_loss(model(embeddings, mask, *faces), labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

    return work


def main() -> None:
    """Make the embeddings, time both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of torch")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    values = np.random.default_rng(0).standard_normal((N_FRAMES, 256), dtype=np.float32).astype(np.float16)
    lengths = [len(part) for part in np.array_split(np.arange(N_FRAMES), N_SEQUENCES)]
    labels = torch.rand(N_FRAMES, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    masks = torch.ones(N_FRAMES, dtype=torch.bool)
    windows = Windows.over(values, masks.numpy(), lengths, WINDOW, device)
    own = ours(windows, labels.to(device))
    parts = [list(tensor.split(lengths)) for tensor in (torch.from_numpy(values), masks, labels)]
    dataset = PlainWindows(*parts)

    feed_s = seconds(feeding(own, 400), args.repeats) / 400
    plain_s = [seconds(feeding(plain(dataset, workers, device), 400), args.repeats) / 400 for workers in (0, 2)]
    step_s = seconds(training(own, 10, device), args.repeats) / 10
    print(f"feeding a batch of {BATCH}: {feed_s * 1e3:.3f} ms")
    print(f"the same by a DataLoader: {plain_s[0] * 1e3:.3f} ms in the process, {plain_s[1] * 1e3:.3f} ms by 2 workers")
    print(f"a training step with ours: {step_s * 1e3:.1f} ms on {device}")
    batch_ms = (feed_s, *plain_s)
    figures: dict[str, Any] = {
        "feed_over_dataloader_in_process": round(plain_s[0] / feed_s, 1),
        "feed_over_dataloader": round(plain_s[1] / feed_s, 1),
        "feed_share": round(feed_s / step_s, 4),
        "feed_ms": {way: round(s * 1e3, 3) for way, s in zip(("ours", "in_process", "workers"), batch_ms, strict=True)},
        "gpu_loop_over_dataloader": None,
    }
    if device.type == "cuda":
        loop_s = seconds(training(own, 200, device), args.repeats)
        figures["gpu_loop_over_dataloader"] = round(
            seconds(training(plain(dataset, 0, device), 200, device), args.repeats) / loop_s, 1
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
