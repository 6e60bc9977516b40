"""Write the model of a bundle that embeds faces as ONNX, for all videos' jobs on a CPU.

In: the folder of a bundle, laid out. Out: the network of one task.
"""

from pathlib import Path

from abaw.bundle.reading import read_bundle, stored_model
from abaw.bundle.sources import STATIC
from abaw.commands.base import add_task, parser, run
from abaw.static.embedder import export_embedder


def main() -> None:
    """Parse the arguments and export."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--bundle", type=Path, required=True, help="folder")
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    export_embedder(*stored_model(args.bundle, read_bundle(args.bundle), args.task, STATIC), args.output)
    print(f"the network that embeds faces for {args.task}: {args.output}")


if __name__ == "__main__":
    run(main)
