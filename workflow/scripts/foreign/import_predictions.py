"""Check the predictions of a model that others have run, and write them as ours are.

In: a file of predictions, CSV or Parquet, and the tracks of the split. Out: the table of predictions.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run, settings_from
from abaw.config.foreign import GivenModelConfig
from abaw.foreign.predictions import asked_of, foreign_predictions
from abaw.tables.files import read_table, write_table
from abaw.tables.provenance import BROUGHT
from abaw.tables.schemas import predictions
from abaw.tasks import TASKS
from abaw.weights.manifest import sha256_of


def main() -> None:
    """Parse the arguments, check, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--given", type=Path, required=True, help="the file that was brought")
    arguments.add_argument("--tracks", type=Path, required=True)
    arguments.add_argument("--skipped", nargs="*", default=[], help="samples whose videos cannot be read")
    arguments.add_argument("--settings", type=settings_from(GivenModelConfig), required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    asked = asked_of(read_table("tracks", args.tracks))
    table = foreign_predictions(args.task, args.given, asked, args.skipped, args.settings.max_gap_s)
    about = {"model_sha256": sha256_of(args.given), "units": TASKS[args.task].units, "fitted_on": BROUGHT}
    write_table(predictions(args.task), table, args.output, about)
    print(f"{len(table)} predictions of {len(asked)} samples: {args.output}")


if __name__ == "__main__":
    run(main)
