"""Take the voice out of one track, as 16 kHz mono FLAC.

In: the mixture, 44.1 kHz stereo, or the voice in it by Spleeter's own program; the networks of Spleeter's 2stems model.
Out: the voice by these; without networks, what came in.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.config import AudioConfig
from abaw.speech import spleeter
from abaw.speech.audio import made_by, read_blocks, write_flac
from abaw.speech.resampling import to_mono


def main() -> None:
    """Parse the arguments, separate, resample, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--mixture", type=Path, required=True)
    arguments.add_argument("--networks", type=Path, nargs="*", default=[], help="Spleeter's voice and accompaniment")
    arguments.add_argument("--settings", type=settings_from(AudioConfig), required=True)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    blocks = read_blocks(args.mixture)
    made = made_by(args.mixture)
    if args.networks:
        blocks = spleeter.separate(blocks, spleeter.load_stems(args.networks, args.threads))
        made += ", Spleeter's model in ONNX Runtime"
    rate_hz = args.settings.sample_rate_hz
    length = write_flac(to_mono(blocks, rate_hz), rate_hz, 1, args.output, made)
    separator = "Spleeter" if args.networks else "nothing"
    print(f"{length / rate_hz:.2f} s, separated by {separator}: {args.output}")


if __name__ == "__main__":
    run(main)
