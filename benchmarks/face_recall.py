"""In how many analysed frames of real footage each detector finds the subject's face, as a table in Markdown.

    python benchmarks/face_recall.py

The clips are those of ../shared/media; RetinaFace's weights are ../shared's, and it sees 512 px, as by default, or all.
Each is asked about every analysed frame and, for comparison, every 0.6 s while faces hold. A file of insightface's may
join: --insightface det_10g.onnx. The last line printed is a JSON object, by detector: `asked`, of what share of all
analysed frames it was asked; `least_with_face` of the stretches that show a face and `most_without_face` of those that
show none, as shares of their analysed frames; and `two_people`, that of the clip with cuts between two people (null
where it is not among the clips).
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from abaw.config import FacesConfig  # noqa: E402  (the package need not be installed)
from abaw.faces.detection import Detection, Detector  # noqa: E402
from abaw.faces.detectors import make_detector  # noqa: E402
from abaw.faces.pipeline import analyse_video  # noqa: E402
from abaw.faces.retinaface_network import export_network, load_network  # noqa: E402
from abaw.faces.subjects import Subject  # noqa: E402
from abaw.weights.manifest import known  # noqa: E402

SHARED = ROOT.parent / "shared"
WEIGHTS = SHARED / "weights" / "retinaface-mobilenet0.25" / "mobilenet0.25_Final.pth"
SUFFIXES = (".flv", ".mpg", ".mp4", ".mov")
HALVES = {"face_noface.mov": slice(None, 12), "noface_face.mov": slice(20, None)}
"""The analysed frames that show a face, of the clips that show one in a part of them."""
NONE = "no_face.mp4"
SELDOM = {"detect_every_s": 0.6}
TWO = "short_hamilton_clip.mp4"
"""A clip with cuts, whose subject is one of two people and not in every frame: it is a figure of its own."""


def detectors(args: argparse.Namespace, folder: Path) -> dict[str, tuple[FacesConfig, Callable[[], Detector]]]:
    """By the table's heading: settings, and what makes the detector."""
    faces = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["faces"]
    network = folder / "detector.onnx"
    export_network(load_network(known("retinaface_mobilenet0.25"), args.weights), network)
    retinaface = {"detector": "retinaface", "weights": "retinaface_mobilenet0.25", "min_score": 0.8}
    chosen: dict[str, tuple[dict[str, Any], Path | None]] = {
        "mediapipe": ({}, None),
        "mediapipe, every 0.6 s": (SELDOM, None),
        "retinaface, 512 px": (retinaface, network),
        "retinaface, 512 px, every 0.6 s": (retinaface | SELDOM, network),
        "retinaface, full size": (retinaface | {"retinaface_side_px": None}, network),
    }
    if args.insightface:
        insightface = {"detector": "insightface", "weights": "scrfd_10g", "min_score": 0.5}
        chosen["insightface"] = (insightface, args.insightface)
    found = {}
    for name, (changes, file) in chosen.items():
        settings = FacesConfig.model_validate(faces | changes)
        found[name] = settings, lambda settings=settings, file=file: make_detector(settings, args.threads, file)
    return found


class Counting(Detector):
    """A detector that counts the frames of which it is asked."""

    def __init__(self, inner: Detector) -> None:
        self._inner, self.batch, self.asked = inner, inner.batch, 0

    def detect_batch(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """What the inner detector finds."""
        self.asked += len(images)
        return self._inner.detect_batch(images)


def flags_of(clip: Path, settings: FacesConfig, detector: Detector, threads: int) -> list[bool]:
    """Whether each analysed frame has the subject's face."""
    return [rows[0]["has_face"] for rows in analyse_video(clip, [Subject("solo", None)], settings, threads, detector)]


def main() -> None:
    """Go through the clips with each detector, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, default=SHARED / "media")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="mobilenet0.25_Final.pth")
    parser.add_argument("--insightface", type=Path, help="an ONNX file of one of insightface's detectors")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    clips = sorted(path for path in args.media.rglob("*") if path.suffix in SUFFIXES)
    if not clips or not args.weights.is_file():
        sys.exit(f"error: {args.media} and {args.weights} are needed, real footage that this machine does not have")
    columns: dict[str, list[list[bool]]] = {}
    asked: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (settings, make) in detectors(args, Path(folder)).items():
            detector = Counting(make())
            progress = tqdm(clips, name, disable=None)
            columns[name] = [flags_of(clip, settings, detector, args.threads) for clip in progress]
            asked[name] = detector.asked
    print(f"| clip | analysed frames | {' | '.join(columns)} |")
    print("|---|---|" + "---|" * len(columns))
    for row, clip in enumerate(clips):
        shares = [f"{100 * sum(flags[row]) / len(flags[row]):.1f} %" for flags in columns.values()]
        label = clip.relative_to(args.media)
        print(f"| {label} | {len(columns['mediapipe'][row])} | {' | '.join(shares)} |")
    found = {name: figures(clips, flags) for name, flags in columns.items()}
    for name, flags in columns.items():
        found[name]["asked"] = round(asked[name] / sum(map(len, flags)), 3)
    print(json.dumps({re.sub(r"\W+", "_", name): values for name, values in found.items()}))


def figures(clips: list[Path], flags: list[list[bool]]) -> dict[str, float | None]:
    """The least share of frames with a face where there is one, the largest where there is none, and that of TWO."""
    present, absent = [], []
    two = next(
        (round(sum(seen) / len(seen), 3) for clip, seen in zip(clips, flags, strict=True) if clip.name == TWO), None
    )
    for clip, seen in zip(clips, flags, strict=True):
        shown = HALVES.get(clip.name, slice(0, 0) if clip.name == NONE else slice(None))
        inside = set(range(len(seen))[shown])
        parts = [[seen[k] for k in range(len(seen)) if (k in inside) == with_face] for with_face in (True, False)]
        if clip.name != TWO:
            present += [sum(parts[0]) / len(parts[0])] if parts[0] else []
            absent += [sum(parts[1]) / len(parts[1])] if parts[1] else []
    return {"least_with_face": round(min(present), 3), "most_without_face": round(max(absent), 3), "two_people": two}


if __name__ == "__main__":
    main()
