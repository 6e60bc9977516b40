"""Fit kernel ELMs on statistics of the training split's voices, and keep the best on validation.

In: the statistics and tracks of training and validation, labels. Out: weights (safetensors), their card (JSON), every
combination that was tried (CSV), and the table candidates: what each says of the windows of validation.
"""

from pathlib import Path

from abaw.commands.base import parser, run
from abaw.commands.functional import add_functional_arguments, chosen_parts, write_choice
from abaw.config import VoiceFunctionalConfig
from abaw.functional.choosing import choose
from abaw.functional.voice import voice_windows
from abaw.tables.files import read_metadata, read_table, read_tables
from abaw.tables.provenance import trained
from abaw.tables.schemas import labels
from abaw.timeline.rows import rows_of


def main() -> None:
    """Parse the arguments, fit, write."""
    arguments = parser(__doc__)
    add_functional_arguments(arguments, VoiceFunctionalConfig, "train", "val")
    arguments.add_argument("--tracks", type=Path, nargs=2, required=True, help="training, validation")
    args = arguments.parse_args()

    truth, how = read_tables(labels(args.task), args.labels), args.settings.statistics
    rows = [rows_of(read_table("tracks", path)) for path in args.tracks]
    train, val = (
        voice_windows(args.task, read_table("voice_statistics", path), asked, truth, how)
        for path, asked in zip((args.train, args.val), rows, strict=True)
    )
    choice = choose(args.task, train, val, args.settings)
    card = {"fitted_on": trained(*chosen_parts(args.settings)), "statistics": how.model_dump()}
    write_choice(args, choice, train, val, card | {"encoder_licence": read_metadata(args.train)["encoder_licence"]})


if __name__ == "__main__":
    run(main)
