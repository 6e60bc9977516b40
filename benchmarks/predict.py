"""How long `abaw predict` takes for one clip, from the command to the tables, and how its memory grows.

    python benchmarks/predict.py --memory-minutes 1 30
    python benchmarks/predict.py --clip CLIP --sound CLIP --bundle results/bundle --minutes 5

The clip, by default one of ../shared/media, is repeated until it is as long as is asked for, at 720 lines. Its sound is
that of another file, also repeated, by default a dialogue, for the clip is silent; without a bundle the one that the
repository carries predicts. `realtime_factor` is the time of the whole command, on two cores, over the length of the
video; `analysed_fps` the analysed frames (five a second) over the same time; `stage_over_decode` the time of
`find_people`, which finds faces and measures mouths, run once more by itself, over that of decoding the video, all
frames, on one thread, and doing nothing with them; `stage_beside_over_decode` the same of the run itself, in which
other jobs take a part of the two cores; `memory_30min_over_1min` the largest memory of any job for the longer video
over that for the shorter one. The last line printed is a JSON object of them, with the seconds of each stage.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import av
from imageio_ffmpeg import get_ffmpeg_exe

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from runs import environment  # noqa: E402  (the folders need not be installed)

from abaw.running.children import end_with_parent  # noqa: E402

MEDIA = ROOT.parent / "shared" / "media"
CLIP, SOUND = MEDIA / "pexels" / "WolfgangLanger_Pexels.mp4", MEDIA / "dialogue" / "sample.wav"
RATE_HZ = 5.0
FRAMES_HZ = 30


def main() -> None:
    """Make the videos, predict them, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--clip", type=Path, default=CLIP)
    arguments.add_argument("--sound", type=Path, default=SOUND, help="a file with sound")
    arguments.add_argument("--bundle", type=Path, help="a folder or a zip")
    arguments.add_argument("--minutes", type=float, default=5.0)
    arguments.add_argument("--memory-minutes", type=float, nargs=2, metavar=("SHORT", "LONG"))
    args = arguments.parse_args()

    found: dict[str, object] = {}
    with TemporaryDirectory() as folder:
        video = repeated(args.clip, args.sound, Path(folder) / "clip" / "film.mp4", args.minutes)
        wall_s, stages = predicted(video, args.bundle, Path(folder) / "out")
        length_s = 60 * args.minutes
        found["realtime_factor"] = round(wall_s / length_s, 3)
        found["analysed_fps"] = round(RATE_HZ * length_s / wall_s, 1)
        decode_s = decoding_s(video)
        found["decoding_s"] = round(decode_s, 1)
        found["stage_over_decode"] = round(alone_s("find_people", Path(folder) / "out") / decode_s, 2)
        found["stage_beside_over_decode"] = round(stages["find_people"]["s"] / decode_s, 2)
        found["stages_s"] = {name: round(stage["s"], 1) for name, stage in sorted(stages.items())}
        if args.memory_minutes:
            most_mb = []
            for minutes in args.memory_minutes:
                video = repeated(args.clip, args.sound, Path(folder) / f"{minutes}" / "film.mp4", minutes)
                _, stages = predicted(video, args.bundle, Path(folder) / f"out {minutes}")
                most_mb.append(max(stage["max_rss"] for stage in stages.values()))
            found["memory_mb"] = [round(mb) for mb in most_mb]
            found["memory_30min_over_1min"] = round(most_mb[1] / most_mb[0], 3)
    print(json.dumps(found))


def repeated(clip: Path, sound: Path, path: Path, minutes: float) -> Path:
    """The clip and the sound over and over, for so many minutes, at 720 lines and 30 frames a second.

    A minute or less of pictures is encoded, and then repeated as it is.
    """
    path.parent.mkdir(parents=True)
    times, unit = ceil(minutes), path.with_name("unit.mp4")
    pictures = ["-an", "-vf", "scale=-2:720", "-r", str(FRAMES_HZ), "-preset", "veryfast"]
    encode(looped(clip), *pictures, "-frames:v", str(round(60 * FRAMES_HZ * minutes / times)), unit)
    whole = ["-map", "0:v", "-map", "1:a:0", "-c:v", "copy", "-t", str(60 * minutes)]
    encode(looped(unit, times - 1), looped(sound), whole, path)
    unit.unlink()
    return path


def looped(path: Path, times: int = -1) -> list[str]:
    """A file as ffmpeg's input, so many times more; -1: without an end."""
    return ["-stream_loop", str(times), "-i", str(path)]


def encode(*words: str | Path | list[str]) -> None:
    """Let ffmpeg do it."""
    call = [get_ffmpeg_exe(), "-loglevel", "error"]
    for word in words:
        call += word if isinstance(word, list) else [str(word)]
    subprocess.run(call, check=True, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)


def predicted(video: Path, bundle: Path | None, out: Path) -> tuple[float, dict[str, dict[str, float]]]:
    """How long the command takes (s), and the seconds and the memory (MB) of each of its jobs."""
    begin_s = time.perf_counter()
    call = [sys.executable, "-m", "abaw.commands.console", "predict", str(video.parent), "--out", str(out)]
    call += [] if bundle is None else ["--bundle", str(bundle)]
    variables = environment() | {"PYTHONPATH": str(ROOT / "src")}
    call += ["--cores", "2"]
    subprocess.run(
        call, check=True, env=variables, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=end_with_parent
    )
    wall_s = time.perf_counter() - begin_s
    return wall_s, stages_of(out)


def alone_s(rule: str, out: Path) -> float:
    """The seconds of a job of the one video, run once more with nothing beside it."""
    call = [sys.executable, "-m", "snakemake", "results/films/faces/film.parquet", "--forcerun", rule, "--cores", "2"]
    call += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(out / ".abaw"), "--quiet", "all"]
    call += ["--configfile", str(ROOT / "config" / "config.yaml"), str(out / ".abaw" / "predict.json")]
    subprocess.run(call, check=True, env=environment(), stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)
    return stages_of(out)[rule]["s"]


def stages_of(out: Path) -> dict[str, dict[str, float]]:
    """The seconds and the memory (MB) of each job that has run, the last time of each."""
    stages = {}
    for path in (out / ".abaw" / "results" / "benchmarks").rglob("*.tsv"):
        with path.open(newline="", encoding="utf-8") as handle:
            [row] = csv.DictReader(handle, delimiter="\t")
        name = path.parent.name if path.parent.name != "benchmarks" else path.stem
        stages[name] = {
            "s": float(row["s"]),
            "max_rss": 0.0 if row["max_rss"] in ("NA", "-") else float(row["max_rss"]),
        }
    return stages


def decoding_s(video: Path) -> float:
    """How long it takes to decode every frame, on one thread, and to do nothing with it."""
    begin_s = time.perf_counter()
    with av.open(str(video)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            pass
    return time.perf_counter() - begin_s


if __name__ == "__main__":
    main()
