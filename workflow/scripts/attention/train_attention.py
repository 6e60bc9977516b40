"""Train attention over faces and voice on the embeddings of the training split (paper §2.3).

In: embeddings of both modalities, of training and validation, with the same rows; labels. Out: weights (safetensors),
their card (JSON), the history (CSV), and the table candidates: what each epoch says of validation.
"""

from pathlib import Path
from typing import get_args

from abaw.attention.model import AttentionFusion, Mechanism
from abaw.commands.base import parser, run, settings_from
from abaw.commands.predictions import read_modalities
from abaw.commands.training import add_training_arguments, resume_of, write_training
from abaw.config import OverTimeConfig
from abaw.dynamic.training import Sequences, epoch_candidates, train_over_time
from abaw.nn import runtime
from abaw.tables.files import read_tables, write_table
from abaw.tables.priors import label_prior
from abaw.tables.provenance import choices, chosen_behind, trained
from abaw.tables.schemas import EMBEDDING_SIZE, candidates, labels
from abaw.weights.cards import read_card


def main() -> None:
    """Parse the arguments, train, write."""
    arguments = parser(__doc__)
    add_training_arguments(arguments)
    arguments.add_argument("--settings", type=settings_from(OverTimeConfig), required=True)
    arguments.add_argument("--mechanism", choices=get_args(Mechanism), required=True)
    arguments.add_argument("--window-s", type=float, required=True)
    arguments.add_argument("--rate-hz", type=float, required=True, help="frames analysed per second")
    arguments.add_argument("--train", type=Path, nargs=2, required=True, help="embeddings of faces, of voice")
    arguments.add_argument("--val", type=Path, nargs=2, required=True, help="embeddings of faces, of voice")
    arguments.add_argument("--acoustic-card", type=Path, required=True, help="of the model behind the voice's")
    arguments.add_argument("--candidates", type=Path, required=True, help="output, Parquet")
    args = arguments.parse_args()

    device = runtime.start(args.compute, args.seed)
    truth = read_tables(labels(args.task), args.labels)
    window = max(2, round(args.window_s * args.rate_hz))
    train, val = (
        Sequences.of(args.task, read_modalities(paths), truth, window, "none", device)
        for paths in (args.train, args.val)
    )
    resume = resume_of(args)
    voice_width = train.windows.embeddings.shape[-1] - EMBEDDING_SIZE
    model = AttentionFusion(args.task, args.mechanism, args.settings, voice_width)
    history = train_over_time(args.task, model, train, val, args.settings, args.seed, device, resume)
    card = {"window": window, "mechanism": args.mechanism, "voice_width": voice_width}
    card |= {"prior": label_prior(args.task, train.labels)}
    voice = [f"{choice} of the voice's model" for choice in choices(read_card(args.acoustic_card)["fitted_on"])]
    card |= {"fitted_on": trained(*chosen_behind(args.train[0]), *voice, *args.settings.training.chosen_on_val)}
    table = epoch_candidates(args.task, val, history)
    write_table(candidates(args.task), table, args.candidates, {"fitted_on": card["fitted_on"]})
    write_training(args, model, history, card, len(train.windows), resume)


if __name__ == "__main__":
    run(main)
