"""Train attention over several modalities on the embeddings of the training split (paper §2.3).

In: embeddings of each modality, of training and validation, with the same rows; labels. Out: weights (safetensors),
their card (JSON), the history (CSV), and the table candidates: what each epoch says of validation.
"""

from pathlib import Path
from typing import get_args

from abaw.attention.model import AttentionFusion, Mechanism
from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import read_embedded
from abaw.commands.training import add_training_arguments, resume_of, write_training
from abaw.config import AttentionNetworkConfig
from abaw.dynamic.training import Sequences, epoch_candidates, train_over_time
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
    arguments.add_argument("--settings", type=settings_from(AttentionNetworkConfig), required=True)
    arguments.add_argument("--mechanism", choices=get_args(Mechanism), required=True)
    arguments.add_argument("--window-s", type=float, required=True)
    arguments.add_argument("--rate-hz", type=float, required=True, help="frames analysed per second")
    arguments.add_argument("--train", type=Path, nargs="+", required=True, help="embeddings, a table a modality")
    arguments.add_argument("--val", type=Path, nargs="+", required=True, help="embeddings, a table a modality")
    arguments.add_argument("--candidates", type=Path, required=True, help="output, Parquet")
    args = arguments.parse_args()

    device = runtime.start(args.compute, args.seed)
    truth = read_tables(labels(args.task), args.labels)
    overlap, every_nth = args.settings.overlap, args.settings.every_nth
    window = frames_of_window(args.window_s, args.rate_hz, every_nth)
    train, val = (
        Sequences.of(args.task, read_embedded(paths), truth, window, "none", device, overlap, every_nth)
        for paths in (args.train, args.val)
    )
    resume = resume_of(args)
    model = AttentionFusion(args.task, args.mechanism, args.settings, train.widths)
    history = train_over_time(args.task, model, train, val, args.settings, args.seed, device, resume)
    card = {"window": window, "mechanism": args.mechanism, "widths": train.widths}
    card |= {"prior": label_prior(args.task, train.labels)}
    card |= {"fitted_on": trained_from(args.train, *args.settings.training.chosen_on_val)}
    table = epoch_candidates(args.task, val, history)
    write_table(candidates(args.task), table, args.candidates, {"fitted_on": card["fitted_on"]})
    write_training(args, model, history, card, len(train.windows), resume)


if __name__ == "__main__":
    run(main)
