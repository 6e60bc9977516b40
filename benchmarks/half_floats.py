"""What half floats change of what a bundle says: the run of `make bundle`, exported with both, on videos of validation.

    make bundle
    python benchmarks/half_floats.py

It reads the run in the current folder, and predicts the stand-in corpus's validation videos twice, through the workflow
that `predict` is. The last line printed is a JSON object: of all `frames` with a face, the greatest and the mean
difference of a class's probability between the two, and the share of those whose expression is the same.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import yaml
from snakemake.utils import update_config

from abaw.bundle.export import export_bundle
from abaw.config import check_config
from abaw.predict.calling import predict_folder
from abaw.tables.files import read_table
from abaw.tasks import TASKS

CONFIG = Path(__file__).resolve().parents[1] / "config"
TRACKS = Path("results/corpus/expr/val/tracks.parquet")
SHARES = [f"p_{name}" for name in TASKS["expr"].outputs]
SETTINGS = {"fps": None, "from_s": 0.0, "to_s": None, "subjects": "prominent", "recogniser": None}


def predicted(floats: str, videos: Path, folder: Path, cores: int) -> pd.DataFrame:
    """What the run's models say of the videos with weights of that kind, by video, frame and subject."""
    config: dict[str, Any] = {}
    for name in ("config", "standin"):
        update_config(config, yaml.safe_load((CONFIG / f"{name}.yaml").read_text("utf-8")))
    config["bundle"]["floats"] = floats
    export_bundle(check_config(config), folder / "bundle")
    predict_folder(videos, folder / "out", folder / "bundle", SETTINGS, cores)
    found = {path.parent.name: pd.read_parquet(path) for path in sorted((folder / "out").glob("*/frames.parquet"))}
    return pd.concat(found, names=["film"]).reset_index("film").set_index(["film", "frame", "subject"])


def differences(whole: pd.DataFrame, half: pd.DataFrame) -> dict[str, float]:
    """The figures that are printed, of the rows that have probabilities in both."""
    rows = whole[SHARES].dropna().index.intersection(half[SHARES].dropna().index)
    one, other = (frames.loc[rows, SHARES].to_numpy() for frames in (whole, half))
    off = abs(one - other)
    same = (one.argmax(axis=1) == other.argmax(axis=1)).mean()
    figures = {"greatest": off.max(), "mean": off.mean(), "same": same}
    return {"frames": len(rows)} | {name: round(float(value), 5) for name, value in figures.items()}


def main() -> None:
    """Export, predict, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, help="so many of validation's videos; else all")
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    if not TRACKS.is_file():
        sys.exit(f"there is no {TRACKS}; `make bundle` makes the run that is read")
    with TemporaryDirectory() as scratch:
        videos = Path(scratch, "videos")
        videos.mkdir()
        for path in read_table("tracks", TRACKS)["path"].to_pylist()[: args.videos]:
            shutil.copy(path, videos)
        whole, half = (predicted(kind, videos, Path(scratch, kind), args.cores) for kind in ("float32", "float16"))
    print(json.dumps(differences(whole, half)))


if __name__ == "__main__":
    main()
