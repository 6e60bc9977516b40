"""Bring the voice that Spleeter's own program found to the form of all voices, 16 kHz mono FLAC.

In: the voice, 44.1 kHz stereo. Out: the mean of both channels, resampled.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.config import AudioConfig
from abaw.speech.audio import made_by, read_blocks, write_flac
from abaw.speech.resampling import to_mono


def main() -> None:
    """Parse the arguments, resample, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--voice", type=Path, required=True)
    arguments.add_argument("--settings", type=settings_from(AudioConfig), required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()
    rate_hz = args.settings.sample_rate_hz
    length = write_flac(to_mono(read_blocks(args.voice), rate_hz), rate_hz, 1, args.output, made_by(args.voice))
    print(f"{length / rate_hz:.2f} s: {args.output}")


if __name__ == "__main__":
    run(main)
