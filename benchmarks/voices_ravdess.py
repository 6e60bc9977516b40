"""How well the default's two models of the voice learn eight emotions from real voices of other people.

    python benchmarks/voices_ravdess.py ../shared/media/ravdess-speech --train 1-9 --val 10-12

The folder holds RAVDESS speech (Livingstone and Russo 2018) as 16 kHz mono FLAC or WAV under its own names, whose
third number is the emotion and seventh the actor. The workflow's own commands train with the settings of
config/config.yaml: a clip is a track of the expression task, voiced from end to end, and the emotions stand for the
eight classes. A clip is given the class of its greatest mean output.

Nothing is chosen on the actors that are judged. Of the functional model, scaling, kernel and C are those with the best
mean over three folds of the training actors, each judged by models that have not heard it; then it is fitted to all of
them. AudioModelV1 has the default's number of epochs, and the last one counts. The default's values themselves were
chosen on actors 1 to 9. The last line is a JSON object: `macro_f1` of the functional model on the clips, `macro_f1_v1`,
the mean `folds_f1` of the chosen cell, and the seconds that all of it took, the two models side by side.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import soundfile
import yaml
from numpy.typing import NDArray
from sklearn.metrics import f1_score

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from abaw.speech.audio import write_flac  # noqa: E402  (the folder need not be installed)
from abaw.tables.arrays import candidate_outputs, matrix  # noqa: E402
from abaw.tables.files import read_metadata, read_table, write_table  # noqa: E402
from abaw.tables.schemas import SCHEMAS, candidates, labels, predictions  # noqa: E402
from abaw.tasks import TASKS  # noqa: E402

TASK = "expr"
RATE_HZ = 16_000
FPS = 25
"""Label rows a second: a clip has the same label in all of them."""
FOLDS = 3
TABLES = ("tracks", labels(TASK), "voiced")
SETTINGS = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
COMPUTE = json.dumps({"device": "cpu", "threads": 1, "deterministic": True})


def actors(text: str) -> set[int]:
    """`1-9` or `1,2,5` as numbers."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def emotion(name: str) -> int:
    """The class of a clip, by its name."""
    return int(name.split("-")[2]) - 1


def write_split(clips: list[Path], name: str, folder: Path) -> None:
    """The tables and tracks of some clips, as the workflow's earlier stages would write them."""
    tracks, truth, voiced = [], [], []
    for clip in clips:
        sound, rate_hz = soundfile.read(clip, dtype="int16")
        if rate_hz != RATE_HZ or sound.ndim != 1:
            sys.exit(f"{clip} has {rate_hz} Hz and {sound.ndim} dimensions; {RATE_HZ} Hz mono was expected")
        duration_s = len(sound) / RATE_HZ
        n_rows = int(duration_s * FPS)
        write_flac([sound], RATE_HZ, 1, folder / "audio" / f"{clip.stem}.flac")
        row = dict.fromkeys(SCHEMAS["tracks"].names)
        row |= {"sample": clip.stem, "video": clip.stem, "path": str(clip), "fps_num": FPS, "fps_den": 1}
        row |= {"n_frames": n_rows, "n_rows": n_rows, "duration_s": duration_s, "has_audio": True, "problems": ""}
        tracks.append(row)
        truth += [{"sample": clip.stem, "frame": k + 1, "expression": emotion(clip.stem)} for k in range(n_rows)]
        voiced.append({"sample": clip.stem, "run": 0, "start_s": 0.0, "end_s": duration_s})
    for kind, rows in {"tracks": tracks, labels(TASK): truth, "voiced": voiced}.items():
        write_table(kind, pa.Table.from_pylist(rows, SCHEMAS[kind]), folder / f"{kind}_{name}.parquet")


def command(script: str, **arguments: Any) -> list[str]:
    """A command of the workflow; values are texts, paths, or lists of them."""
    words = [sys.executable, str(ROOT / "workflow" / "scripts" / f"{script}.py"), "--task", TASK]
    for name, value in arguments.items():
        words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return words


def environment() -> dict[str, str]:
    """The variables of this process, with the package on the path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path[1:]])}


def tables(folder: Path, kind: str, splits: Iterable[str]) -> list[Path]:
    """The files of a kind of some splits."""
    return [folder / f"{kind}_{split}.parquet" for split in splits]


def train_v1(folder: Path) -> list[str]:
    """The command of the rule `train_acoustic`, with the embedded default's settings."""
    made = {"weights": "v1.safetensors", "card": "v1.json", "history": "v1.csv", "scored": "v1_scored.parquet"}
    splits = ("train", "val")
    return command(
        "acoustic/train_acoustic",
        architectures=SETTINGS["acoustic"]["architectures"][:1],
        audio=sorted((folder / "audio").iterdir()),
        voiced=tables(folder, "voiced", splits),
        tracks=tables(folder, "tracks", splits),
        labels=tables(folder, labels(TASK), splits),
        settings=json.dumps(SETTINGS["acoustic"]["network"]),
        seed=SETTINGS["seed"],
        compute=COMPUTE,
        candidates=folder / "v1_candidates.parquet",
        **{name: folder / file for name, file in made.items()},
    )


def describe(folder: Path, split: str) -> None:
    """The statistics of a split's voices."""
    audio = [folder / "audio" / f"{name}.flac" for name in names_of(folder, split)]
    where = {"voiced": tables(folder, "voiced", [split]), "tracks": folder / f"tracks_{split}.parquet"}
    settings = json.dumps(SETTINGS["voice_functional"]["statistics"])
    output = folder / f"voice_statistics_{split}.parquet"
    call("functional/describe_voice", audio=audio, settings=settings, compute=COMPUTE, output=output, **where)


def names_of(folder: Path, split: str) -> list[str]:
    """The clips of a split."""
    return read_table("tracks", folder / f"tracks_{split}.parquet", ["sample"])["sample"].to_pylist()


def call(script: str, **arguments: Any) -> None:
    """Run a command of the workflow to its end."""
    subprocess.run(command(script, **arguments), check=True, env=environment())


def cut_fold(folder: Path, fold: int, trained: list[int]) -> None:
    """Statistics and tracks of the training split parted in two, by actor: `learn{fold}` and `judge{fold}`."""
    held = trained[fold::FOLDS]
    for kind in ("voice_statistics", "tracks"):
        table = read_table(kind, folder / f"{kind}_train.parquet")
        inside = pa.array([int(name.split("-")[6]) in held for name in table["sample"].to_pylist()])
        about = read_metadata(folder / f"{kind}_train.parquet")
        for split, mask in {"judge": inside, "learn": pc.invert(inside)}.items():
            write_table(kind, table.filter(mask), folder / f"{kind}_{split}{fold}.parquet", about)


def fit(folder: Path, learn: str, judge: str, settings: dict[str, Any]) -> list[dict[str, str]]:
    """The command of the rule `train_voice_functional`; the rows of its grid."""
    call(
        "functional/train_voice_functional",
        train=folder / f"voice_statistics_{learn}.parquet",
        val=folder / f"voice_statistics_{judge}.parquet",
        tracks=tables(folder, "tracks", (learn, judge)),
        labels=tables(folder, labels(TASK), ("train", "val")),
        settings=json.dumps(settings),
        weights=folder / "voice.safetensors",
        card=folder / "voice.json",
        grid=folder / "grid.csv",
        candidates=folder / "voice_candidates.parquet",
    )
    with (folder / "grid.csv").open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def functional(folder: Path, trained: list[int]) -> tuple[float, float]:
    """Choose on folds of the training actors, fit to all: macro F1 of the judged clips, and that of the folds."""
    for split in ("train", "val"):
        describe(folder, split)
    settings = SETTINGS["voice_functional"]
    found: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for fold in range(FOLDS):
        cut_fold(folder, fold, trained)
        for row in fit(folder, f"learn{fold}", f"judge{fold}", settings):
            found[row["functionals"], row["scaling"], row["kernel"], row["c"]].append(float(row["f1_macro"]))
    cell = max(found, key=lambda one: sum(found[one]))
    functionals, scaling, kernel, c = cell
    print(f"chosen on folds of the training actors: {', '.join(cell)}, {np.mean(found[cell]):.3f} on their windows")
    chosen = {"scalings": [scaling], "sets": [functionals.split()], "kernels": [kernel], "regularisation": [float(c)]}
    fit(folder, "train", "val", settings | chosen)
    call(
        "functional/predict_voice_functional",
        statistics=folder / "voice_statistics_val.parquet",
        tracks=folder / "tracks_val.parquet",
        settings=json.dumps(settings),
        weights=folder / "voice.safetensors",
        card=folder / "voice.json",
        output=folder / "predictions.parquet",
    )
    table = read_table(predictions(TASK), folder / "predictions.parquet")
    return clip_f1(table, matrix(table, TASKS[TASK].outputs)), float(np.mean(found[cell]))


def last_epoch_f1(folder: Path) -> float:
    """Macro F1 of the judged clips by the last epoch of V1, each by its labelled seconds."""
    table = read_table(candidates(TASK), folder / "v1_candidates.parquet")
    rows = np.flatnonzero(table["chooses"].to_numpy() & ~np.isnan(matrix(table, ["true_expression"])[:, 0]))
    return clip_f1(table.take(rows), candidate_outputs(TASK, table)[-1][rows].astype(np.float64))


def clip_f1(table: pa.Table, outputs: NDArray[np.float64]) -> float:
    """Macro F1 of the clips, each by the mean of its rows' outputs (n, 8)."""
    samples = np.array(table["sample"].to_pylist())
    names = sorted(set(samples))
    found = [outputs[samples == name].mean(axis=0).argmax() for name in names]
    return float(f1_score([emotion(name) for name in names], found, average="macro"))


def main() -> None:
    """Lay the corpus out, train both models side by side, score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=actors, default=actors("1-9"), help="actors, such as 1-9 or 1,3,5")
    parser.add_argument("--val", type=actors, default=actors("10-12"), help="actors that are judged")
    args = parser.parse_args()

    if args.train & args.val:
        sys.exit(f"the actors {sorted(args.train & args.val)} stand in both lists; give each to one")
    clips = sorted(path for path in args.folder.iterdir() if path.suffix in (".flac", ".wav"))
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split, chosen in {"train": args.train, "val": args.val}.items():
            ours = [clip for clip in clips if int(clip.stem.split("-")[6]) in chosen]
            if not ours:
                sys.exit(f"{args.folder} has no clip of the actors {sorted(chosen)}")
            write_split(ours, split, folder)
        with subprocess.Popen(train_v1(folder), env=environment()) as v1:
            try:
                macro_f1, folds_f1 = functional(folder, sorted(args.train))
            except BaseException:
                v1.terminate()
                raise
        if v1.returncode:
            sys.exit(v1.returncode)
        macro_f1_v1 = last_epoch_f1(folder)
    seconds = time.perf_counter() - begin
    figures = {"macro_f1": macro_f1, "macro_f1_v1": macro_f1_v1, "folds_f1": folds_f1}
    print(json.dumps({key: round(value, 3) for key, value in figures.items()} | {"seconds": round(seconds)}))


if __name__ == "__main__":
    main()
