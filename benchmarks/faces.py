"""How fast faces and mouths are found, against decoding alone, the plain way and a public peer, and in how much memory.

    python benchmarks/faces.py --threads 2

The clip is a minute of 1280 x 720 at 30 Hz and 3 Mbit/s, made on the spot: footage of ../shared/media where it is
there, else of the embedded corpus, made larger and repeated. All ways analyse five frames a second on so many threads,
each in a process of its own whose imports and loading of weights do not count; the figures are medians over rounds in
turns:

  decode   our reader alone: decoding, exact sampling, pixels of the sampled frames
  stage    our stage: detection, tracks, crops as JPEG, mouths, in one pass
  plain    OpenCV's loop, RetinaFace in eager torch frame by frame at full size, its prior boxes made anew for each, as
           in the authors' code, crops into files; a second pass over these files for the mouths, by the mesh with
           refined lips that the authors use. Without RetinaFace's weights: MediaPipe's detectors, frame by frame
  peer     batch-face 1.5.4 with the same weights, in batches of eight at full size: detection alone, no crops and no
           mouths. It runs where --peer names the interpreter of an environment of its own:

               python3.11 -m venv .venv-peer
               .venv-peer/bin/pip install torch==2.13.0 torchvision==0.28.0 batch-face==1.5.4
               python benchmarks/faces.py --peer .venv-peer/bin/python

The detector is RetinaFace where its weights are found (--weights, by default those of ../shared), else MediaPipe's.
Memory is the peak of a process that runs the rule's own command, on the minute and on thirty of them, copied one after
another.

The last line printed is a JSON object: `stage_over_decode`, `plain_over_stage`, `peer_over_stage` (`null` without a
peer), `memory_30min_over_1min` (`null` for other lengths), `frames_per_s` of each way, and `peak_mb` of both lengths.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice, product
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
FOOTAGE = SHARED / "media" / "pexels" / "WolfgangLanger_Pexels.mp4"
WEIGHTS = SHARED / "weights" / "retinaface-mobilenet0.25" / "mobilenet0.25_Final.pth"
WIDTH, HEIGHT, FPS, RATE_HZ = 1280, 720, 30, 5.0
BITS_PER_S = 3_000_000
MIN_SCORE = 0.8
PEER_BATCH = 8
SUBJECTS = '[{"sample": "solo", "side": null}]'


def make_clip(folder: Path, seconds: int) -> Path:
    """So much footage at the size and rate of the benchmark."""
    import av

    source = FOOTAGE if FOOTAGE.is_file() else demo_video(folder)
    path, number = folder / "1min.mp4", 0
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", BITS_PER_S
        while number < FPS * seconds:
            with av.open(str(source)) as container:
                for frame in container.decode(video=0):
                    if number == FPS * seconds:
                        break
                    larger = frame.reformat(WIDTH, HEIGHT, "yuv420p")
                    larger.pts, larger.time_base, larger.pict_type = number, Fraction(1, FPS), 0
                    output.mux(stream.encode(larger))
                    number += 1
        output.mux(stream.encode())
    print(f"clip: {source.name}, {path.stat().st_size / seconds * 8 / 1e6:.1f} Mbit/s")
    return path


def demo_video(folder: Path) -> Path:
    """The first video of a small embedded corpus."""
    names = ("videos", "annotations", "test_lists", "templates")
    from abaw.config import check_config
    from abaw.demo.corpus import write_corpus
    from abaw.demo.plan import plan_corpus

    config = check_config(default())
    corpus = config.corpus.model_copy(update={name: str(folder / name) for name in names})
    demo = config.demo.model_copy(update={"tracks": 10, "max_duration_s": 5.0})
    write_corpus(plan_corpus(demo), corpus, folder / "truth", 1)
    return min((folder / "videos").rglob("*.mp4"))


def default() -> dict[str, Any]:
    """The embedded default configuration."""
    import yaml

    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))


def settings_of(detector: str) -> dict[str, Any]:
    """The section `faces` with a detector."""
    changes = {"detector": detector, "weights": "retinaface_mobilenet0.25", "min_score": MIN_SCORE}
    return default()["faces"] | (changes if detector == "retinaface" else {})


def decode(args: argparse.Namespace) -> Callable[[], int]:
    """Our reader alone."""
    from abaw.media.video import probe, sample_frames

    probe(args.clip)  # starts the decoder's process, as the rule's command does first
    return lambda: sum(1 for _ in sample_frames(args.clip, RATE_HZ, args.threads))


def stage(args: argparse.Namespace) -> Callable[[], int]:
    """Our stage, rows and all."""
    from abaw.config import FacesConfig
    from abaw.faces.detectors import make_detector
    from abaw.faces.pipeline import analyse_video
    from abaw.faces.subjects import Subject
    from abaw.media.video import probe
    from abaw.tables.files import table_writer

    importlib.import_module("pandas")  # pyarrow imports it when it makes its first table
    settings = FacesConfig.model_validate(settings_of(args.detector))
    detector = make_detector(settings, args.threads, args.network)
    probe(args.clip)

    def work() -> int:
        with tempfile.TemporaryDirectory() as folder, table_writer("faces", Path(folder) / "faces.parquet") as write:
            faces = 0
            for rows in analyse_video(args.clip, [Subject("solo", None)], settings, args.threads, detector):
                write(rows)
                faces += rows[0]["has_face"]
            return faces

    return work


def plain(args: argparse.Namespace) -> Callable[[], int]:
    """Frame by frame, crops into files, and a second pass for the mouths."""
    import cv2
    from mediapipe.python.solutions.face_mesh import FaceMesh

    from abaw.faces.crop import crop_region
    from abaw.faces.solutions import start

    best_box = plain_retinaface(args) if args.detector == "retinaface" else plain_mediapipe()
    mesh = start(FaceMesh, static_image_mode=True, max_num_faces=1, refine_landmarks=True)

    def work() -> int:
        with tempfile.TemporaryDirectory() as folder:
            for number, bgr in enumerate(opencv_frames(args.clip, args.threads)):
                box = best_box(bgr)
                if box is not None:
                    x0, y0, x1, y1 = crop_region(box, 15, bgr.shape[1], bgr.shape[0])
                    cv2.imwrite(f"{folder}/{number:05d}.jpg", bgr[y0:y1, x0:x1], [cv2.IMWRITE_JPEG_QUALITY, 95])
            crops = sorted(Path(folder).iterdir())
            for crop in crops:
                mesh.process(cv2.cvtColor(cv2.imread(str(crop)), cv2.COLOR_BGR2RGB))
            return len(crops)

    return work


def plain_mediapipe() -> Callable[[Any], Any]:
    """The box of the best face that MediaPipe's detectors find in an image."""
    from abaw.faces.mediapipe import MediaPipeDetector

    detector = MediaPipeDetector(MIN_SCORE)
    return lambda bgr: next((face.box for face in detector.detect(bgr)), None)


def plain_retinaface(args: argparse.Namespace) -> Callable[[Any], Any]:
    """The best box by RetinaFace in eager torch: all prior boxes are decoded, then those above the score are kept."""
    import cv2
    import numpy as np
    import torch

    from abaw.faces.retinaface import CENTRE_VARIANCE, OVERLAP, SIZE_VARIANCE
    from abaw.faces.retinaface_network import load_network
    from abaw.weights.manifest import known

    torch.set_num_threads(args.threads)
    network = load_network(known("retinaface_mobilenet0.25"), args.weights)

    def best_box(bgr: Any) -> Any:
        size = torch.tensor(bgr.shape[1::-1])
        centre, side = looped_priors(*bgr.shape[:2]).split(2, dim=1)
        with torch.inference_mode():
            offsets, scores, _ = (output[0] for output in network(torch.from_numpy(bgr[None])))
            middle = centre + CENTRE_VARIANCE * offsets[:, :2] * side
            half = side * torch.exp(SIZE_VARIANCE * offsets[:, 2:]) / 2
            boxes = torch.cat([middle - half, middle + half], dim=1) * size.repeat(2)
        good = np.flatnonzero(scores.numpy() >= MIN_SCORE)
        boxes, scores = boxes.numpy()[good], scores.numpy()[good]
        corner_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        kept = cv2.dnn.NMSBoxes(corner_size.tolist(), scores.tolist(), 0.0, OVERLAP)
        return boxes[kept[0]] if len(kept) else None

    return best_box


def looped_priors(height: int, width: int) -> Any:
    """The prior boxes as the authors' code and public ones make them, anew for each frame, one by one."""
    import torch

    priors: list[float] = []
    for stride, sides in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512))):
        for row, column in product(range(-(-height // stride)), range(-(-width // stride))):
            for side in sides:
                priors += [(column + 0.5) * stride / width, (row + 0.5) * stride / height, side / width, side / height]
    return torch.tensor(priors).view(-1, 4)


def peer(args: argparse.Namespace) -> Callable[[], int]:
    """Detection by batch-face, in its own environment."""
    import torch

    importlib.import_module("abaw.nn")  # makes torchvision importable beside a torch of another build
    from batch_face import RetinaFace

    torch.set_num_threads(args.threads)
    network = RetinaFace(gpu_id=-1, model_path=str(args.weights), network="mobilenet")

    def work() -> int:
        faces, frames = 0, opencv_frames(args.clip, args.threads)
        while batch := list(islice(frames, PEER_BATCH)):
            faces += sum(bool(found) for found in network(batch, threshold=MIN_SCORE, cv=True, return_dict=True))
        return faces

    return work


def opencv_frames(clip: Path, threads: int) -> Iterator[Any]:
    """The frames that are analysed, by OpenCV, which decodes all of them."""
    import cv2

    cv2.setNumThreads(threads)
    capture, number = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads]), 0
    while True:
        more, bgr = capture.read()
        if not more:
            return
        if number % round(FPS / RATE_HZ) == 0:
            yield bgr
        number += 1


WAYS = {"decode": decode, "stage": stage, "plain": plain, "peer": peer}


def measure(way: str, args: argparse.Namespace, **options: object) -> dict[str, float]:
    """Run one way in a process of its own: its seconds, without imports, and how many faces it found."""
    interpreter = args.peer if way == "peer" else sys.executable
    command = [interpreter, __file__, "--way", way, "--threads", str(args.threads), "--detector", args.detector]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment())
    return json.loads(done.stdout.splitlines()[-1])


def environment() -> dict[str, str]:
    """The project's sources for the children."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def peak_mb(clip: Path, args: argparse.Namespace, network: list[str]) -> float:
    """The peak memory of the rule's command on a clip."""
    command = [sys.executable, str(ROOT / "workflow" / "scripts" / "faces" / "track_faces.py"), "--video", str(clip)]
    command += ["--subjects", SUBJECTS, "--settings", json.dumps(settings_of(args.detector)), "--network", *network]
    command += [
        "--compute",
        json.dumps({"device": "cpu", "threads": args.threads, "deterministic": True}),
        "--threads",
        str(args.threads),
    ]
    command += ["--on-unreadable", "stop", "--output", str(clip.with_suffix(".parquet"))]
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("the stage failed")
    took_s, found = time.perf_counter() - begin, usage.ru_maxrss / 1024
    print(f"{clip.stem}: the rule's command took {took_s:.0f} s, at most {found:.0f} MB", flush=True)
    return found


def repeated(clip: Path, minutes: int) -> Path:
    """The clip so many times, its packets copied."""
    from imageio_ffmpeg import get_ffmpeg_exe

    path = clip.with_name(f"{minutes}min.mp4")
    command = [
        get_ffmpeg_exe(),
        "-v",
        "error",
        "-stream_loop",
        str(minutes - 1),
        "-i",
        str(clip),
        "-c",
        "copy",
        str(path),
    ]
    subprocess.run(command, check=True)
    return path


def export(weights: Path, folder: Path) -> Path:
    """RetinaFace's network as the rule exports it."""
    from abaw.faces.retinaface_network import export_network, load_network
    from abaw.weights.manifest import known

    export_network(load_network(known("retinaface_mobilenet0.25"), weights), folder / "detector.onnx")
    return folder / "detector.onnx"


def compare(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    clip = make_clip(folder, args.seconds)
    options: dict[str, object] = {"clip": clip, "weights": args.weights}
    network = [str(export(args.weights, folder))] if args.detector == "retinaface" else []
    with_network = options | ({"network": network[0]} if network else {})
    ways = ["decode", "stage", "plain", *(["peer"] if args.peer else [])]
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(args.rounds):
        for way in ways:
            if way in ("plain", "peer") and turn >= args.slow_rounds:
                continue
            found = measure(way, args, **(with_network if way == "stage" else options))
            seconds[way].append(found["seconds"])
            rate = FPS * args.seconds / found["seconds"]
            print(f"{way}: {found['seconds']:.2f} s, {rate:.0f} frames/s, {found['found']} found", flush=True)
    typical = {way: median(values) for way, values in seconds.items()}
    long = repeated(clip, args.minutes)
    long_mb, short_mb = peak_mb(long, args, network), peak_mb(clip, args, network)
    return {
        "stage_over_decode": round(typical["stage"] / typical["decode"], 2),
        "plain_over_stage": round(typical["plain"] / typical["stage"], 2),
        "peer_over_stage": round(typical["peer"] / typical["stage"], 2) if args.peer else None,
        "memory_30min_over_1min": round(long_mb / short_mb, 3) if (args.minutes, args.seconds) == (30, 60) else None,
        "frames_per_s": {way: round(FPS * args.seconds / typical[way]) if way in typical else None for way in WAYS},
        "peak_mb": {"short": round(short_mb), "long": round(long_mb)},
    }


def main() -> None:
    """Measure one way, or compare all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="of every way")
    parser.add_argument("--detector", choices=["retinaface", "mediapipe"], help="by default by the weights")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="mobilenet0.25_Final.pth")
    parser.add_argument("--peer", help="interpreter of the peer's environment")
    parser.add_argument("--seconds", type=int, default=60, help="length of the clip")
    parser.add_argument("--minutes", type=int, default=30, help="how often it is repeated in the long clip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow-rounds", type=int, default=1, help="rounds of the plain way and the peer")
    parser.add_argument("--way", choices=WAYS, help="measure this one in this process; the others call it so")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--network", type=Path)
    args = parser.parse_args()
    if args.way:
        work = WAYS[args.way](args)
        begin = time.perf_counter()
        found = work()
        print(json.dumps({"seconds": time.perf_counter() - begin, "found": found}))
        return
    sys.path.insert(0, str(ROOT / "src"))
    args.detector = args.detector or ("retinaface" if args.weights.is_file() else "mediapipe")
    print(f"detector: {args.detector}, {args.threads} threads")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(compare(args, Path(folder))))


if __name__ == "__main__":
    main()
