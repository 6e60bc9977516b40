"""Write RetinaFace's network as ONNX.

In: an entry of resources/weights.yaml and its file. Out: the network, for any number of images of any size.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.faces.retinaface_network import export_network, load_network
from abaw.weights.manifest import Weights


def main() -> None:
    """Parse the arguments, load, export."""
    arguments = parser(__doc__)
    arguments.add_argument("--weights", type=settings_from(Weights), required=True, metavar="JSON")
    arguments.add_argument("--file", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    network = load_network(args.weights, args.file)
    export_network(network, args.output)
    print(f"{args.weights.name}: {args.output}, {args.output.stat().st_size} bytes")


if __name__ == "__main__":
    run(main)
