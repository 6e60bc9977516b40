"""The console command `abaw`: predict, info, export."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn, get_args

from pydantic import TypeAdapter, ValidationError

from abaw.config.predict import Also, Subjects
from abaw.running.errors import UserError
from abaw.running.files import whole_path

DOC = """What the people in videos express: valence, arousal, expression, second by second.

  abaw predict FOLDER --out DIR    every video of a folder; the same command again goes on where it stopped
  abaw info BUNDLE                 what a bundle of models knows, on what it was trained, how good it is
  abaw export                      the models of the run in this folder as a bundle
"""


def main() -> NoReturn:
    """Run the command; what the user can mend ends it with a sentence and exit code 1."""
    args = _arguments().parse_args()
    try:
        {"predict": _predict, "info": _info, "export": _export}[args.command](args)
    except UserError as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    except KeyboardInterrupt:
        sys.exit("error: stopped; the same command goes on from here")
    sys.exit(0)


def _arguments() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser("abaw", description=DOC, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = command.add_subparsers(dest="command", required=True, metavar="predict | info | export")
    predict = commands.add_parser("predict", help="what the people in videos express")
    predict.add_argument("videos", type=_path, metavar="FOLDER", help="of videos, or one video")
    predict.add_argument("--out", type=_path, default=Path("results/predict"), help="where results go (%(default)s)")
    predict.add_argument("--bundle", type=_path, help="the models: a folder or a zip; else the one that is carried")
    predict.add_argument("--cores", type=_count, help="CPU cores; all of them where it is not given")
    predict.add_argument("--fps", type=float, help="frames a second in which faces are looked for; as trained")
    predict.add_argument("--from", type=float, default=0.0, dest="from_s", metavar="S", help="second to begin at")
    predict.add_argument("--to", type=float, dest="to_s", metavar="S", help="second to end at")
    predict.add_argument(
        "--detect-every",
        type=float,
        default=0.6,
        dest="detect_every_s",
        metavar="S",
        help="while faces hold (%(default)s)",
    )
    predict.add_argument(
        "--mouths", type=float, default=10.0, dest="mouths_hz", metavar="HZ", help="measured a second (%(default)s)"
    )
    predict.add_argument("--subjects", type=_subjects, default="all", metavar="prominent|all|N", help="who has rows")
    predict.add_argument(
        "--recogniser", metavar="NAME", help="weights by which people are recognised after cuts, such as sface"
    )
    predict.add_argument(
        "--same-person", type=float, default=0.363, metavar="COSINE", help="of two faces, from which on (%(default)s)"
    )
    predict.add_argument(
        "--also", nargs="+", choices=get_args(Also), default=[], help="what else is made of each video"
    )
    info = commands.add_parser("info", help="what a bundle knows")
    info.add_argument("bundle", type=_path, metavar="BUNDLE", help="a folder or a zip")
    export = commands.add_parser("export", help="the models of the run in this folder as a bundle")
    export.add_argument("--out", type=_path, help="a zip to write as well; the folder is results/bundle")
    export.add_argument("--configfile", type=Path, nargs="+", default=[], help="those of the run")
    export.add_argument("--cores", type=_count, help="CPU cores")
    return command


def _predict(args: argparse.Namespace) -> None:
    from abaw.predict.calling import failed_videos, predict_folder

    if args.to_s is not None and args.to_s <= args.from_s:
        raise UserError(f"--to is {args.to_s:g} and --from is {args.from_s:g}; give --to a later second than --from")
    names = ("fps", "from_s", "to_s", "detect_every_s", "mouths_hz", "subjects", "recogniser", "same_person", "also")
    settings = {name: getattr(args, name) for name in names}
    predict_folder(args.videos, args.out, args.bundle, settings, args.cores)
    failed = failed_videos(whole_path(args.out))
    for row in failed:
        print(f"{row['video']}: {row['reason']}", file=sys.stderr)
    print(
        f"written to {args.out}, open index.html there"
        + (f"; {len(failed)} video{'s' * (len(failed) > 1)} cannot be read, see failed.csv" if failed else "")
    )


def _info(args: argparse.Namespace) -> None:
    from abaw.bundle.reading import unpack_bundle
    from abaw.bundle.words import in_words

    with TemporaryDirectory(prefix="abaw.") as folder:  # so that each file is held against its digest
        print(in_words(unpack_bundle(whole_path(args.bundle), Path(folder))))


def _export(args: argparse.Namespace) -> None:
    from abaw.bundle.reading import zip_bundle
    from abaw.predict.calling import run_workflow

    if not Path("config/config.yaml").is_file():
        raise UserError(
            f"{Path.cwd()} is not the folder of a run, for it has no config/config.yaml; go to where the models were "
            "trained, such as your clone of abaw-flow"
        )
    if args.out and whole_path(args.out).is_dir():
        raise UserError(f"--out is {args.out}, a folder; give the name of a zip, such as {args.out / 'bundle.zip'}")
    for path in args.configfile:
        if not whole_path(path).is_file():
            raise UserError(f"there is no file {path}; give to --configfile those by which the models were trained")
    files = ["--configfile", *map(str, args.configfile)] if args.configfile else []
    run_workflow(["bundle", *files], Path.cwd(), args.cores)
    print("written to results/bundle")
    if args.out:
        zip_bundle(Path("results/bundle"), args.out)
        print(f"written to {args.out}")


def _path(text: str) -> Path:
    if not text:  # as of a variable that is not set; it would be the folder where the command runs
        raise argparse.ArgumentTypeError("it is empty, expected a path")
    return Path(text)


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"it is {text!r}, expected a whole number from 1 on")
    return int(text)


def _subjects(text: str) -> str | int:
    try:
        return TypeAdapter(Subjects).validate_python(int(text) if text.isdecimal() else text)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise argparse.ArgumentTypeError(f"it is {text!r}, {said}") from error


if __name__ == "__main__":
    main()
