"""Take the voice out of one track by Spleeter's own program, in the environment that it needs.

In: the mixture, 44.1 kHz stereo, and the folder of the weights. Out: the voice in the same form, 24 bits a sample.
"""

import importlib.metadata
from pathlib import Path

import soundfile

from abaw.commands.base import parser, run
from abaw.running.files import whole_file
from abaw.speech import spleeter_program


def main() -> None:
    """Parse the arguments, separate, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--mixture", type=Path, required=True)
    arguments.add_argument("--weights", type=Path, required=True, help="a file of the model in a folder 2stems")
    arguments.add_argument("--segments", type=int, default=23, help="of 12 s, held in memory at a time")
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    separate = spleeter_program.load(args.weights.parent, args.threads)
    with soundfile.SoundFile(args.mixture) as mixture, whole_file(args.output) as beside:
        form = {"samplerate": mixture.samplerate, "channels": 2, "format": "FLAC", "subtype": "PCM_24"}
        with soundfile.SoundFile(beside, "w", **form) as voice:
            voice.comment = f"{mixture.comment}, Spleeter {importlib.metadata.version('spleeter')}"
            for piece in spleeter_program.separate_in_pieces(mixture, separate, args.segments):
                voice.write(piece)
    print(f"{args.output}, by Spleeter {importlib.metadata.version('spleeter')}")


if __name__ == "__main__":
    run(main)
