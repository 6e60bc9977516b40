"""Memory and time of one training step of an acoustic model on PDEM's exact form, with random weights.

    python benchmarks/acoustic_step.py --architecture AudioModelV3 --batch-size 4

PDEM's weights are not needed: memory depends on the form alone, 12 layers of 1024. A second run with `--checkpointing`
shows what gradient checkpointing saves. The last line is a JSON object: the peak memory of the process in MB, the
seconds of the second step, in which nothing is set up any more, and millions of parameters, all and those trained.
"""

import argparse
import json
import resource
import sys
import time

import torch

from abaw.acoustic.encoders.waveform import PDEM, Wav2Vec2, Wav2Vec2Model
from abaw.acoustic.model import ARCHITECTURES, AudioModel
from abaw.nn.losses import ccc_loss


def main() -> None:
    """Build, step twice, print the figures."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--architecture", choices=ARCHITECTURES, default="AudioModelV3")
    command.add_argument("--batch-size", type=int, default=4, help="windows of 4 s")
    command.add_argument("--checkpointing", action="store_true")
    args = command.parse_args()

    torch.manual_seed(0)
    encoder = Wav2Vec2(Wav2Vec2Model(PDEM), window_s=4)
    if args.checkpointing:
        encoder.recompute_layers()
    model = AudioModel("va", args.architecture, encoder, window_s=4).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(trained, 1e-4)
    all_m, trained_m = (round(sum(p.numel() for p in some) / 1e6, 1) for some in (model.parameters(), trained))
    print(f"{args.architecture}: {all_m} M parameters, {trained_m} M are trained; {args.batch_size} windows of 4 s")
    begin = 0.0
    for _ in range(2):
        begin = time.perf_counter()
        outputs = model(torch.randn(args.batch_size, 64000))
        loss = ccc_loss(outputs, torch.rand(outputs.shape) * 2 - 1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    seconds = time.perf_counter() - begin
    unit = 1 if sys.platform == "darwin" else 1024
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    figures = {"peak_mb": round(peak_mb), "step_s": round(seconds, 1)}
    print(json.dumps(figures | {"parameters_m": {"all": all_m, "trained": trained_m}}))


if __name__ == "__main__":
    main()
