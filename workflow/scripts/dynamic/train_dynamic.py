"""Train the transformer over time on the embeddings of the training split, with one window and one normaliser.

In: embeddings of training and validation, or other features of the same frames beside them, labels. Out: weights
(safetensors), their card (JSON), the history (CSV), and the table candidates: what each epoch says of validation.
"""

from pathlib import Path
from typing import get_args

from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import read_embedded
from abaw.commands.training import add_training_arguments, resume_of, write_training
from abaw.config import DynamicNetworkConfig
from abaw.dynamic.training import Normaliser, Sequences, build_dynamic, epoch_candidates, train_over_time
from abaw.dynamic.windows import frames_of_window
from abaw.nn import runtime
from abaw.tables.files import read_tables, write_table
from abaw.tables.priors import label_prior
from abaw.tables.provenance import trained_from
from abaw.tables.schemas import candidates, labels


def main() -> None:
    """Parse the arguments, train, write."""
    arguments = parser(__doc__)
    add_training_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(DynamicNetworkConfig), required=True)
    arguments.add_argument("--window-s", type=float, required=True)
    arguments.add_argument("--normaliser", choices=get_args(Normaliser), required=True)
    arguments.add_argument("--rate-hz", type=float, required=True, help="frames analysed per second")
    arguments.add_argument("--train", type=Path, nargs="+", required=True)
    arguments.add_argument("--val", type=Path, nargs="+", required=True)
    arguments.add_argument("--candidates", type=Path, required=True, help="output, Parquet")
    args = arguments.parse_args()

    device = runtime.start(args.compute, args.seed)
    truth = read_tables(labels(args.task), args.labels)
    overlap, every_nth = args.settings.overlap, args.settings.every_nth
    window = frames_of_window(args.window_s, args.rate_hz, every_nth)
    train, val = (
        Sequences.of(args.task, read_embedded(paths), truth, window, args.normaliser, device, overlap, every_nth)
        for paths in (args.train, args.val)
    )
    resume = resume_of(args)
    model = build_dynamic(args.task, train, args.normaliser, args.settings)
    history = train_over_time(args.task, model, train, val, args.settings, args.seed, device, resume)
    fitted_on = trained_from(args.train, *args.settings.training.chosen_on_val)
    card = {
        "window": window,
        "window_s": args.window_s,
        "normaliser": args.normaliser,
        "width": train.windows.embeddings.shape[-1],
        "prior": label_prior(args.task, train.labels),
        "fitted_on": fitted_on,
    }
    table = epoch_candidates(args.task, val, history)
    write_table(candidates(args.task), table, args.candidates, {"fitted_on": fitted_on})
    write_training(args, model, history, card, len(train.windows), resume)


if __name__ == "__main__":
    run(main)
