"""How well the default acoustic model learns eight emotions from real voices of other people than it is judged on.

    python benchmarks/voices_ravdess.py ../shared/media/ravdess-speech --train 1-9 --val 10-12

The folder holds RAVDESS speech (Livingstone and Russo 2018) as 16 kHz mono FLAC or WAV under its own names, whose
third number is the emotion and seventh the actor. The workflow's own command trains on it with the settings of
config/config.yaml: a clip is a track of the expression task, voiced from end to end, and the emotions stand for the
eight classes. A clip is given the class of the greatest mean output. The epoch is chosen on the clips that are scored,
as in every training here; the score of the last epoch is printed as well. The last line is a JSON object: `macro_f1` of
the clips, `macro_f1_of_seconds` in the kept and in the last epoch, and the seconds that the training took.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import soundfile
import yaml
from sklearn.metrics import f1_score

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from abaw.speech.audio import write_flac  # noqa: E402  (the folder need not be installed)
from abaw.tables.arrays import matrix  # noqa: E402
from abaw.tables.files import read_table, write_table  # noqa: E402
from abaw.tables.schemas import SCHEMAS, labels, scored  # noqa: E402
from abaw.tasks import TASKS  # noqa: E402

TASK = "expr"
RATE_HZ = 16_000
FPS = 25
"""Label rows a second: a clip has the same label in all of them."""
TABLES = ("tracks", labels(TASK), "voiced")


def actors(text: str) -> set[int]:
    """`1-9` or `1,2,5` as numbers."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


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
        expression = int(clip.stem.split("-")[2]) - 1
        truth += [{"sample": clip.stem, "frame": k + 1, "expression": expression} for k in range(n_rows)]
        voiced.append({"sample": clip.stem, "run": 0, "start_s": 0.0, "end_s": duration_s})
    for kind, rows in {"tracks": tracks, labels(TASK): truth, "voiced": voiced}.items():
        write_table(kind, pa.Table.from_pylist(rows, SCHEMAS[kind]), folder / f"{kind}_{name}.parquet")


def train(folder: Path, threads: int) -> None:
    """Run the command of the rule `train_acoustic`, with the embedded default's settings."""
    settings = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    script = str(ROOT / "workflow" / "scripts" / "acoustic" / "train_acoustic.py")
    both = {kind: [str(folder / f"{kind}_{split}.parquet") for split in ("train", "val")] for kind in TABLES}
    command = [sys.executable, script, "--task", TASK, "--architecture", settings["acoustic"]["architectures"][0]]
    command += ["--audio", *sorted(str(path) for path in (folder / "audio").iterdir())]
    command += ["--voiced", *both["voiced"], "--tracks", *both["tracks"], "--labels", *both[labels(TASK)]]
    command += ["--settings", json.dumps(settings["acoustic"]["network"]), "--seed", str(settings["seed"])]
    command += ["--compute", json.dumps({"device": "cpu", "threads": threads})]
    for name, file in {"weights": "model.safetensors", "card": "card.json", "history": "history.csv"}.items():
        command += [f"--{name}", str(folder / file)]
    command += ["--scored", str(folder / "scored.parquet"), "--candidates", str(folder / "candidates.parquet")]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})


def clip_f1(folder: Path) -> float:
    """Macro F1 of the clips, each by the mean of its labelled seconds' outputs."""
    table = read_table(scored(TASK), folder / "scored.parquet")
    outputs, truth = matrix(table, TASKS[TASK].outputs), matrix(table, ["true_expression"])[:, 0]
    samples = np.array(table["sample"].to_pylist())
    known = ~np.isnan(truth)
    names = sorted(set(samples))
    found = [outputs[known & (samples == name)].mean(axis=0).argmax() for name in names]
    return float(f1_score([int(name.split("-")[2]) - 1 for name in names], found, average="macro"))


def main() -> None:
    """Lay the corpus out, train, score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=actors, default=actors("1-9"), help="actors, such as 1-9 or 1,3,5")
    parser.add_argument("--val", type=actors, default=actors("10-12"), help="actors that are judged")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    if args.train & args.val:
        sys.exit(f"the actors {sorted(args.train & args.val)} stand in both lists; give each to one")
    clips = sorted(path for path in args.folder.iterdir() if path.suffix in (".flac", ".wav"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split, chosen in {"train": args.train, "val": args.val}.items():
            ours = [clip for clip in clips if int(clip.stem.split("-")[6]) in chosen]
            if not ours:
                sys.exit(f"{args.folder} has no clip of the actors {sorted(chosen)}")
            write_split(ours, split, folder)
        begin = time.perf_counter()
        train(folder, args.threads)
        seconds = time.perf_counter() - begin
        macro_f1 = clip_f1(folder)
        with (folder / "history.csv").open(encoding="utf-8") as handle:
            epochs = list(csv.DictReader(handle))
    kept = next(epoch for epoch in epochs if epoch["kept"] == "1")
    of_seconds = {
        which: round(float(epoch["f1_macro"]), 3) for which, epoch in {"kept": kept, "last": epochs[-1]}.items()
    }
    print(json.dumps({"macro_f1": round(macro_f1, 3), "macro_f1_of_seconds": of_seconds, "train_s": round(seconds)}))


if __name__ == "__main__":
    main()
