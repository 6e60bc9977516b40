"""Pre-train the frame-level model, with the heads of both challenges, on the pre-training corpora.

In: tables pretraining_crops. Out: weights (safetensors), their card (JSON) and the history (CSV).
"""

from collections import Counter
from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.commands.training import add_training_arguments, resume_of, write_training
from abaw.config import JointPhaseConfig
from abaw.nn import runtime
from abaw.nn.compiling import check_compiler
from abaw.nn.parallel import team
from abaw.static.crops import pretraining_crops
from abaw.static.training import train_static
from abaw.tables.files import read_tables


def main() -> None:
    """Parse the arguments, train, write."""
    arguments = parser(__doc__)
    add_training_arguments(arguments, of_one_task=False)
    arguments.add_argument("--settings", type=settings_from(JointPhaseConfig), required=True)
    arguments.add_argument("--crops", type=Path, nargs="+", required=True)
    arguments.add_argument(
        "--threads",
        type=int,
        required=True,
        help="that decode pictures, of all processes together; they change no result",
    )
    arguments.add_argument("--compile", action="store_true", help="let torch compile the steps, on a GPU")
    args = arguments.parse_args()

    device = runtime.start(args.compute, args.seed)
    if args.compile:
        check_compiler(device)
    args.threads = max(1, args.threads // team().size)
    train, val = pretraining_crops(args.crops, args.settings.input_px, args.threads)
    resume = resume_of(args)
    weight = args.settings.expression_weight
    settings = args.settings.within(len(train))
    model, spec, history = train_static(
        train,
        val,
        settings,
        args.seed,
        device,
        resume,
        expression_weight=weight,
        decoding_threads=args.threads,
        compile_steps=args.compile,
    )
    corpora = Counter(read_tables("pretraining_crops", args.crops, ["corpus"])["corpus"].to_pylist())
    write_training(args, model, history, {**spec.as_card(), "corpora": dict(corpora)}, len(train), resume)


if __name__ == "__main__":
    run(main)
