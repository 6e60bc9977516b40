"""Faces and both rules of the mouth gate on the embedded corpus, against what its generator knows.

    python benchmarks/mouth.py                           mouths at the rate of config/config.yaml, every frame
    python benchmarks/mouth.py --rate-hz 5               at another

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
from abaw.speech.mouths import Boxes, measure_mouths  # noqa: E402

Rows = list[dict[str, Any]]


def analysed(config: Config, rate_hz: float | None) -> Iterator[tuple[str, Rows, Rows]]:
    """Each sample, and its rows of the tables `faces`, without the crops, and `mouths`."""
    for tracks in tqdm(read_folders(config.corpus).videos().values(), unit="video", disable=None):
        subjects = [Subject(track.sample, track.side) for track in tracks]
        frames = analyse_video(tracks[0].path, subjects, config.faces, threads=1)
        rows: Rows = [row | {"crop": None} for frame in frames for row in frame]
        boxes = {track.sample: Boxes.of(row for row in rows if row["sample"] == track.sample) for track in tracks}
        measured = measure_mouths(tracks[0].path, boxes, rate_hz, config.faces.margin_px)
        mouths: Rows = [row for frame in measured for row in frame]
        for sample in boxes:
            yield sample, *([row for row in table if row["sample"] == sample] for table in (rows, mouths))


def main() -> None:
    """Measure, and print a line for each track and the JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--corpus", type=Path, default=DEMO, help="where the corpus is")
    arguments.add_argument("--rate-hz", type=float, help="of the mouths; default: the configuration's")
    options = arguments.parse_args()
    if options.corpus == DEMO and not DEMO.is_dir():
        subprocess.run(["snakemake", "--cores", "2", "make_demo_corpus"], cwd=ROOT, check=True, stdout=sys.stderr)

    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    for key in ("videos", "annotations", "test_lists", "templates"):
        raw["corpus"][key] = raw["corpus"][key].replace("results/demo", str(options.corpus))
    config = check_config(raw)

    scores = Scores()
    print(f"{'track':22} {'speech':>7} {'movement':>21} {'authors':>21}   (seconds found, wrong, missed)")
    for sample, rows, mouths in analysed(config, options.rate_hz or config.speech.gate.rate_hz):
        own = scores.add(sample, rows, mouths, options.corpus / "truth", config.speech.gate)
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
