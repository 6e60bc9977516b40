"""Put the models of a finished run into a bundle that `predict` applies to any video, on any machine.

In: weights, cards, fusion weights and scores in results. Out: a folder with `bundle.json` and the weights.
"""

from pathlib import Path

from abaw.bundle.export import export_bundle
from abaw.commands.base import parser, run, settings_from
from abaw.config import Config


def main() -> None:
    """Parse the arguments, copy, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--config", type=settings_from(Config), required=True)
    arguments.add_argument(
        "--output", type=Path, required=True, help="the bundle.json to write; the rest lies beside it"
    )
    args = arguments.parse_args()

    bundle = export_bundle(args.config, args.output.parent)
    for task, known in bundle.tasks.items():
        print(f"{task}: {', '.join(known.systems)}; {known.preferred} is preferred")
    print(f"{sum(file.size_bytes for file in bundle.files.values()) / 1e6:.0f} MB: {args.output.parent}")


if __name__ == "__main__":
    run(main)
