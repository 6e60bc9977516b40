"""Faces and both rules of the mouth gate on the embedded corpus, against what its generator knows.

    python benchmarks/mouth.py                           at the analysis rate of config/config.yaml
    python benchmarks/mouth.py --rate-hz 60              every frame, as the authors' rows are
    python benchmarks/mouth.py --faces results/faces     the tables of a run, without analysing anything

The corpus is made first if results/demo is not there. Boxes are compared in every analysed frame that has a face; a
face that was not found counts with an overlap of 0. Speech is compared in seconds, over all tracks together, also those
that never speak. `always` is what calling every second speech scores. The last line printed is a JSON object:
`box_iou_over_0_6` (share of faces), `n_faces`, `false_faces`, `movement_f1`, `authors_f1`, `always_f1`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "results" / "demo"
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from embedded_truth import Scores  # noqa: E402  (the folders need not be installed)

from abaw.config import Config, check_config  # noqa: E402
from abaw.corpus.layout import read_folders  # noqa: E402
from abaw.faces.pipeline import analyse_video  # noqa: E402
from abaw.faces.subjects import Subject  # noqa: E402
from abaw.tables.files import read_table  # noqa: E402


def analysed(config: Config, faces: Path | None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each sample and its rows of the table `faces`, without the crops."""
    for video, tracks in tqdm(read_folders(config.corpus).videos().items(), unit="video", disable=None):
        if faces:
            rows = read_table("faces", faces / f"{video}.parquet").drop_columns("crop").to_pylist()
        else:
            subjects = [Subject(track.sample, track.side) for track in tracks]
            frames = analyse_video(tracks[0].path, subjects, config.faces, threads=1)
            rows = [row | {"crop": None} for frame in frames for row in frame]
        for track in tracks:
            yield track.sample, [row for row in rows if row["sample"] == track.sample]


def main() -> None:
    """Measure, and print a line for each track and the JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--corpus", type=Path, default=DEMO, help="where the corpus is")
    arguments.add_argument("--rate-hz", type=float, help="frames analysed per second; default: the configuration's")
    arguments.add_argument("--faces", type=Path, help="folder of the tables of a run at the configuration's rate")
    options = arguments.parse_args()
    if options.corpus == DEMO and not DEMO.is_dir():
        subprocess.run(["snakemake", "--cores", "2", "make_demo_corpus"], cwd=ROOT, check=True, stdout=sys.stderr)

    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    for key in ("videos", "annotations", "test_lists", "templates"):
        raw["corpus"][key] = raw["corpus"][key].replace("results/demo", str(options.corpus))
    raw["faces"]["analysis_rate_hz"] = options.rate_hz or raw["faces"]["analysis_rate_hz"]
    config = check_config(raw)

    scores = Scores()
    print(f"{'track':22} {'speech':>7} {'movement':>21} {'authors':>21}   (seconds found, wrong, missed)")
    for sample, rows in analysed(config, options.faces):
        own = scores.add(sample, rows, options.corpus / "truth", config.speech.gate, config.faces.analysis_rate_hz)
        spoken = own["always"][0] + own["always"][2]
        found = " ".join("".join(f"{value:7.2f}" for value in own[way]) for way in ("movement", "authors"))
        print(f"{sample:22} {spoken:7.2f} {found}")
    print(
        json.dumps(
            {
                "box_iou_over_0_6": round(scores.share_of_boxes, 4),
                "n_faces": len(scores.box_overlaps),
                "false_faces": scores.false_faces,
                "movement_f1": round(scores.f1("movement"), 3),
                "authors_f1": round(scores.f1("authors"), 3),
                "always_f1": round(scores.f1("always"), 3),
            }
        )
    )


if __name__ == "__main__":
    main()
