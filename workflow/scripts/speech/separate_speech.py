"""Take the voice out of one track, as 16 kHz mono FLAC.

In: the mixture, 44.1 kHz stereo, or the voice in it by Spleeter's own program. Out: the voice by Spleeter's 2stems
model; without a separator, what came in.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.config import AudioConfig, ComputeConfig
from abaw.nn import runtime
from abaw.speech import spleeter
from abaw.speech.audio import made_by, read_blocks, write_flac
from abaw.speech.resampling import to_mono


def main() -> None:
    """Parse the arguments, separate, resample, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--mixture", type=Path, required=True)
    arguments.add_argument("--separator", choices=["spleeter", "none"], required=True)
    arguments.add_argument("--settings", type=settings_from(AudioConfig), required=True)
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    blocks = read_blocks(args.mixture)
    if args.separator == "spleeter":
        device = runtime.start(args.compute, seed=0)  # nothing is drawn
        blocks = spleeter.separate(blocks, spleeter.load_stems(device))
    rate_hz = args.settings.sample_rate_hz
    made = made_by(args.mixture) + (", Spleeter's model in PyTorch" if args.separator == "spleeter" else "")
    length = write_flac(to_mono(blocks, rate_hz), rate_hz, 1, args.output, made)
    print(f"{length / rate_hz:.2f} s, separator {args.separator}: {args.output}")


if __name__ == "__main__":
    run(main)
