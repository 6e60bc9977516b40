"""How fast embeddings are taken on a CPU, against a plain timm loop over the same images.

    python benchmarks/embed.py --threads 2

EfficientNet-B1 with the head of Figure 1 at 240 px, random weights and images. The plain way is one image at a time,
float32, contiguous, in eager torch. The last line printed is a JSON object: `batched_over_plain`, images a second of
ours over the plain way's, the median of paired rounds.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch

from abaw.static.embedder import make_embedder
from abaw.static.embedding import BATCH
from abaw.static.model import StaticModel
from abaw.static.spec import StaticSpec

BACKBONE = "efficientnet_b1.ra4_e3600_r240_in1k"
SPEC = StaticSpec(("expr",), BACKBONE, 240, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), dropout=0.1, drop_path=0.0)
N_IMAGES = 32


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Time both ways in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of both ways")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = StaticModel(SPEC).eval()
    embedder = make_embedder(model, SPEC, torch.device("cpu"), args.threads)
    images = torch.randn(N_IMAGES, 3, SPEC.input_px, SPEC.input_px)

    def plain() -> None:
        with torch.inference_mode():
            for image in images:
                model(image[None])

    def ours() -> None:
        for part in images.split(BATCH["cpu"]):
            embedder(part)

    plain()
    ours()
    rounds = np.array([(seconds(plain), seconds(ours)) for _ in range(args.rounds)])
    plain_s, ours_s = np.median(rounds, axis=0) / N_IMAGES
    print(f"an image on {args.threads} threads: {plain_s * 1e3:.1f} ms plain, {ours_s * 1e3:.1f} ms ours")
    print(json.dumps({"batched_over_plain": round(float(np.median(rounds[:, 0] / rounds[:, 1])), 2)}))


if __name__ == "__main__":
    main()
