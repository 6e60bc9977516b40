"""What the trainings on pictures take beside what they took: this commit and a former one, each by its own code.

    python benchmarks/former.py fer ../shared/media/fer2013-full/full.parquet
    python benchmarks/former.py demo

Both commits are checked out into a scratch folder. The former one is by default the last whose trainings waited for one
thread that decoded and changed one picture after another. Two threads, two cores.

`fer`: an epoch of FER2013 at 96 px, with the values that config/config.yaml has for pre-training in both. Each trains
EfficientNet-Lite0 on the first faces of the table, twice, with few epochs and with more: by what more epochs take
longer, an epoch of these `timed_steps` steps takes so long, and one of all 28,006 faces so many times as long
(`epoch_s`, extrapolated where not all are trained on). `macro_f1` is that of the longer training. With `--faces 28006`
nothing is extrapolated.

`demo`: the static stage of the embedded default, as each commit has it: seconds and seconds of the processor of both
trainings, CCC of valence and arousal and macro F1 of the expressions on validation.

The last line printed is a JSON object, `before` and `after` of each figure.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
FORMER = "3cea92d"
FER_FACES = 28_006
"""Of the table, to train on."""
BATCH = 32
RECIPE = {
    "input_px": 96,
    "augmentation": "paper",
    "training": {"batch_size": BATCH, "learning_rate": 0.0005},
}
LATER = {
    "class_weights": "inverse",
    "grey": False,
    "mirrored": False,
    "training": {"keep": "best", "ema_decay": None},
}
"""What the former commit knew no keys for, and did so."""
STATIC = "{task}/tf_efficientnet_lite0.in1k"


@contextmanager
def both(former: str) -> Iterator[dict[str, Path]]:
    """The two commits in a scratch folder of their own, which goes at the end."""
    with tempfile.TemporaryDirectory(prefix="abaw.former.") as scratch:
        places = {"before": (Path(scratch) / "before", former), "after": (Path(scratch) / "after", "HEAD")}
        try:
            for folder, commit in places.values():
                git("worktree", "add", "--detach", "--quiet", str(folder), commit)
            yield {when: folder for when, (folder, _) in places.items()}
        finally:
            for folder in (folder for folder, _ in places.values() if folder.exists()):
                git("worktree", "remove", "--force", str(folder))


def git(*arguments: str) -> None:
    """Run git in this checkout."""
    subprocess.run(["git", "-C", str(ROOT), *arguments], check=True)


def call(folder: Path, *command: str) -> str:
    """The last line that a command of a checkout prints, all of which is shown."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    line = ""
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for said in process.stdout:
            print(said, end="", flush=True)
            line = said.strip() or line
    if process.returncode:
        sys.exit(f"{' '.join(command)} in {folder} ended with exit code {process.returncode}")
    return line


def part_of(table: Path, faces: int, path: Path) -> None:
    """The first faces of a FER2013 table to train on, and an eighth of that to judge, as the whole table has."""
    whole = pq.read_table(table)
    parts = [
        whole.filter(pc.equal(whole["usage"], usage)).slice(0, n)
        for usage, n in (("train", faces), ("validation", faces // 8))
    ]
    pq.write_table(pa.concat_tables(parts), path)


def fer(folders: dict[str, Path], table: Path, faces: int, epochs: list[int], threads: int) -> dict[str, float]:
    """Trainings of both lengths in turns, by what an epoch takes."""
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch) / "faces.parquet"
        part_of(table, faces, part)
        runs = {when: [] for when in folders}
        for n in epochs:
            for when, folder in folders.items():
                later = LATER if when == "after" else {"training": {}}
                changes = RECIPE | later | {"training": RECIPE["training"] | later["training"] | {"epochs": n}}
                arguments = [str(part), "--threads", str(threads), "--changes", json.dumps(changes)]
                runs[when].append(json.loads(call(folder, sys.executable, "benchmarks/faces_fer2013.py", *arguments)))
    for when, (few, more) in runs.items():
        seconds = (more["seconds"] - few["seconds"]) / (epochs[1] - epochs[0])
        found[f"{when}.epoch_s"] = round(seconds * FER_FACES / faces)
        found[f"{when}.macro_f1"] = more["macro_f1"]
    return found | {
        "timed_steps": -(-faces // BATCH),
        "over": round(found["before.epoch_s"] / found["after.epoch_s"], 2),
    }


def demo(folders: dict[str, Path]) -> dict[str, float]:
    """The static stage of both, one after the other, by its tables of what jobs took and of what they reached."""
    found = {}
    for when, folder in folders.items():
        histories = [f"results/static/{STATIC.format(task=task)}/history.csv" for task in ("va", "expr")]
        call(folder, sys.executable, "-m", "snakemake", *histories, "--cores", "2", "--quiet", "all")
        took = [rows(path)[0] for path in sorted((folder / "results/benchmarks/train_static").glob("*.tsv"))]
        for name, column in (("seconds", "s"), ("processor_s", "cpu_time")):
            found[f"{when}.{name}"] = round(sum(float(one[column]) for one in took))
        for history, measure in zip(histories, ("ccc_mean", "f1_macro"), strict=True):
            [kept] = [row for row in rows(folder / history) if row["kept"] == "1"]
            found[f"{when}.{measure}"] = round(float(kept[measure]), 3)
    return found | {"over": round(found["before.processor_s"] / found["after.processor_s"], 2)}


def rows(path: Path) -> list[dict[str, str]]:
    """A table with a line of names, tabs between values or commas."""
    text = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(text, delimiter="\t" if path.suffix == ".tsv" else ","))


def main() -> None:
    """Check out both, time them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--former", default=FORMER, help="the commit to compare with")
    kinds = parser.add_subparsers(dest="kind", required=True)
    of_faces = kinds.add_parser("fer")
    of_faces.add_argument("table", type=Path)
    of_faces.add_argument("--faces", type=int, default=40 * BATCH, help="that are trained on")
    of_faces.add_argument("--epochs", type=int, nargs=2, default=[1, 3], help="of the two trainings of each")
    of_faces.add_argument("--threads", type=int, default=2)
    kinds.add_parser("demo")
    args = parser.parse_args()

    with both(args.former) as folders:
        if args.kind == "demo":
            figures = demo(folders)
        else:
            figures = fer(folders, args.table.resolve(), args.faces, args.epochs, args.threads)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
