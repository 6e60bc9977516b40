"""What orchestration costs at AffWild2's size: the real rules and configuration on 594 tracks, with empty commands.

    python benchmarks/scale.py
    python benchmarks/scale.py --preset affwild2_best --plan-only

The corpus has AffWild2's names, splits, frame counts and rates (those in --stats, or made up in the same numbers), and
stand-ins for videos. `snakemake -n` plans config/affwild2.yaml on it, or another --preset; with --plan-only that is
all. Then the workflow runs, with a stand-in for `python` that only makes the files which a job's arguments name and
which are not there. Shells, logs, benchmarks, provenance and checksums are Snakemake's own. A last call has nothing to
do.

Snakemake also reads the inputs of its jobs to know their content again, which empty files hide. How often it read each
video is counted in its records, and the job that writes its digest reads it once more; this costs --video-mbit-s of the
corpus's length, as many times, at sha256's speed.

What Snakemake's main process takes while jobs run is measured on a part of the corpus, some 600 jobs of the same shape,
with a stand-in that lasts two seconds, eight jobs at a time.

The real work is estimated from below. The five commands of every video (faces, sound, separation, mouths, gate) are run
for real on one thread, on a demo video of AffWild2's usual 1280 by 720 pixels that is repeated to two lengths; the
difference gives seconds of work for a second of video, without the start of a process. Trainings count as nothing.

The last line printed is a JSON object: `plan_s`, the planning; `seconds_per_job`, the whole run over its jobs;
`overhead_share`, the run and the reading over these and the real work; `orchestrator_cpu_share`, the main process over
itself and the jobs of two seconds, and `orchestrator_growth`, what it took for a job of the last third over what it
took for one of the first third; and `jobs`, `plan_mb`, `run_s`, `nothing_to_do_s`, `snakemake_files` and their
`snakemake_mb`, `times_read` and `reading_s`. All of it but the first two in time of the processor.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from affwild2 import write_affwild2  # noqa: E402  (the folders need not be installed)
from runs import command, copy_tree  # noqa: E402

from abaw.config import check_config  # noqa: E402
from abaw.corpus.layout import read_folders  # noqa: E402
from abaw.demo.corpus import write_corpus  # noqa: E402
from abaw.demo.plan import plan_corpus  # noqa: E402
from abaw.media.video import probe  # noqa: E402
from abaw.speech.spleeter_network import export_stems  # noqa: E402

STANDIN = """#!/bin/sh
for word; do
  case $word in results/*) [ -e "$word" ] || : > "$word" ;; esac
done
"""
PART, JOB_S, AT_ONCE = 0.08, 2, 8
REPEATS, SIZE_PX = (1, 4), "1280:720"
SETTINGS = check_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))


@dataclass(frozen=True)
class Run:
    """A command that has run: seconds on the clock and of the processor, with those of its children; memory; words."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    said: str


def timed(command: list[str], folder: Path, path: str) -> Run:
    """Run a command in a folder, with a search path for programs."""
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile("w+") as said:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begin
        said.seek(0)
        text = said.read()
    if status:
        sys.exit(f"{' '.join(command)[:200]} failed:\n{text[-2000:]}")
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


@dataclass(frozen=True)
class Orchestration:
    """What the main process of a run has taken: jobs done and seconds of its processor, at moments of the run."""

    jobs: list[int]
    cpu_s: list[float]

    @property
    def share(self) -> float:
        """Of the time of the processor that the main process and jobs of `JOB_S` seconds take together."""
        return self.cpu_s[-1] / (self.cpu_s[-1] + JOB_S * self.jobs[-1])

    @property
    def growth(self) -> float:
        """What a job of the last third has cost over what one of the first third has."""
        at = [next(k for k, done in enumerate(self.jobs) if done >= self.jobs[-1] * part / 3) for part in range(4)]
        first, _, last = ((self.cpu_s[b] - self.cpu_s[a]) / (self.jobs[b] - self.jobs[a]) for a, b in pairwise(at))
        return last / first


def orchestrated(command: list[str], folder: Path, path: str) -> Orchestration:
    """Run a workflow of jobs that last, and watch its main process."""
    environment = {**os.environ, "PATH": path}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    jobs, cpu_s = [], []
    while process.poll() is None:
        done = sum(1 for _ in (folder / "results" / "benchmarks").rglob("*.tsv"))
        with suppress(OSError, IndexError):  # it may end between two lines
            fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            cpu_s.append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
            jobs.append(done)
        time.sleep(1)
    if process.returncode:
        sys.exit(f"{' '.join(command)[:200]} failed; see {folder}/.snakemake/log")
    begun = next(k for k, done in enumerate(jobs) if done)
    return Orchestration([0, *jobs[begun:]], [cpu_s[begun - 1], *cpu_s[begun:]])


def work_per_second(folder: Path) -> dict[str, float]:
    """Seconds of real work for each second of a video, on one thread, of each command that every video needs."""
    plan = plan_corpus(SETTINGS.demo)
    plan = replace(plan, videos=tuple(video for video in plan.videos if video.name == "12-24-1920x1080"))
    corpus = SETTINGS.corpus.model_copy(update={"videos": str(folder), "annotations": str(folder)})
    corpus = corpus.model_copy(update={"test_lists": str(folder), "templates": str(folder)})
    write_corpus(plan, corpus, folder / "truth")
    networks = export_stems(folder)
    video = folder / plan.videos[0].path
    lengths_s, costs_s = zip(
        *(_one_video(folder / f"{count}.mp4", video, networks, count) for count in REPEATS), strict=True
    )
    longer_s = lengths_s[1] - lengths_s[0]
    return {name: max(0.0, costs_s[1][name] - costs_s[0][name]) / longer_s for name in costs_s[0]}


def _one_video(path: Path, video: Path, networks: list[Path], count: int) -> tuple[float, dict[str, float]]:
    """Repeat a video `count` times; the length of that in seconds, and what each command takes for it."""
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", str(count - 1)]
    larger = ["-vf", f"scale={SIZE_PX}", "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-c:a", "copy"]
    subprocess.run([*ffmpeg, "-i", str(video), *larger, str(path)], check=True)
    ends = (".faces", ".voice.flac", ".mouths", ".voiced")
    faces, voice, mouths, voiced = (path.with_suffix(end) for end in ends)
    subjects = json.dumps([{"sample": path.stem, "side": None}])
    rate = {} if SETTINGS.speech.gate.rate_hz is None else {"rate-hz": SETTINGS.speech.gate.rate_hz}
    own, audio, gate = (
        part.model_dump_json() for part in (SETTINGS.faces, SETTINGS.speech.audio, SETTINGS.speech.gate)
    )
    film, compute = (
        {"video": path, "on-unreadable": "stop"},
        json.dumps({"device": "cpu", "threads": SETTINGS.compute.threads, "deterministic": True}),
    )
    commands = {
        ("faces", "track_faces"): film
        | {"subjects": subjects, "settings": own, "compute": compute, "threads": 1, "output": faces},
        ("speech", "separate_speech"): film
        | {"sound-track": "default", "networks": networks, "settings": audio, "output": voice},
        ("speech", "measure_mouths"): film
        | rate
        | {"faces": faces, "margin-px": SETTINGS.faces.margin_px, "threads": 1, "output": mouths},
        ("speech", "gate_speech"): {"kind": "mouths", "mouths": mouths, "settings": gate, "output": voiced},
    }
    found = {}
    for (stage, name), options in commands.items():
        words = [
            word
            for option, value in options.items()
            for word in (f"--{option}", *map(str, value if isinstance(value, list) else [value]))
        ]
        script = str(ROOT / "workflow" / "scripts" / stage / f"{name}.py")
        found[name] = timed([sys.executable, script, *words], path.parent, os.environ["PATH"]).cpu_s
    return float(probe(path).duration_s), found


def search_path(folder: Path, standin: str) -> str:
    """A search path for programs on which `python` is a stand-in, in a folder of its own."""
    program = folder / "python"
    program.parent.mkdir()
    program.write_text(standin)
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def times_read(folder: Path, videos: set[str]) -> float:
    """How often Snakemake read each video to know its content, on average, by its records."""
    reads = 0
    for path in (folder / ".snakemake" / "metadata").rglob("*"):
        if path.is_file():
            reads += len(videos & set(json.loads(path.read_text())["input_checksums"]))
    return reads / len(videos)


def sha256_mb_s() -> float:
    """The speed of sha256 on what lies in memory."""
    data = os.urandom(1 << 26)
    begin = time.process_time()
    hashlib.sha256(data).digest()
    return len(data) / 1e6 / (time.process_time() - begin)


def main() -> None:
    """Make the corpus, plan, run, and say what is what."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stats", type=Path, default=ROOT.parent / "shared" / "media" / "affwild2-stats")
    parser.add_argument("--cores", type=int, default=2, help="jobs at a time")
    parser.add_argument("--preset", default="affwild2", help="name of a file in config, without its ending")
    parser.add_argument("--plan-only", action="store_true", help="plan, run nothing; the figures are those of the plan")
    parser.add_argument("--video-mbit-s", type=float, default=2.0, help="size of a second of video")
    args = parser.parse_args()
    preset = f"config/{args.preset}.yaml"
    with tempfile.TemporaryDirectory() as scratch:
        corpus = write_affwild2(Path(scratch) / "affwild2", args.stats if args.stats.is_dir() else None)
        layout = read_folders(corpus)
        videos = {str(tracks[0].path) for tracks in layout.videos().values()}
        total_s = sum(float(probe(Path(video)).duration_s) for video in videos)
        print(f"{len(layout.tracks)} tracks in {len(videos)} videos, {total_s / 3600:.1f} hours")

        folder = copy_tree(Path(scratch) / "project")
        (folder / "mine.json").write_text(json.dumps({"corpus": corpus.model_dump()}))
        path = search_path(Path(scratch) / "bin", STANDIN)
        call = command("--configfile", preset, "mine.json", "--cores", str(args.cores))
        plan = timed([*call, "-n", "--quiet", "rules"], folder, path)
        n_jobs = int(re.findall(r"^total +(\d+)", plan.said, re.MULTILINE)[-1])
        planned = {"plan_s": round(plan.wall_s, 2), "jobs": n_jobs, "plan_mb": round(plan.peak_mb)}
        print(f"planning {n_jobs} jobs: {plan.wall_s:.1f} s, {plan.peak_mb:.0f} MB")
        if args.plan_only:
            print(json.dumps(planned))
            return
        work = work_per_second(Path(scratch) / "demo")
        print("seconds of work for a second of video: " + ", ".join(f"{name} {work[name]:.4f}" for name in work))
        run = timed([*call, "--quiet", "all"], folder, path)
        again = timed(call, folder, path)
        reads = times_read(folder, videos)
        files = [entry for entry in (folder / ".snakemake").rglob("*") if entry.is_file()]
        size_mb = sum(entry.stat().st_size for entry in files) / 1e6
        results = sum(entry.is_file() for part in ("results", "logs") for entry in (folder / part).rglob("*"))
        part = copy_tree(Path(scratch) / "part")
        corpus = write_affwild2(Path(scratch) / "few", args.stats if args.stats.is_dir() else None, share=PART)
        (part / "mine.json").write_text(json.dumps({"corpus": corpus.model_dump()}))
        path = search_path(Path(scratch) / "slow", f"{STANDIN}sleep {JOB_S}\n")
        call = command("--configfile", preset, "mine.json", "--cores", str(AT_ONCE))
        plenty = ["--resources", f"gpu={AT_ONCE}", "mem_mb=10000000"]
        watched = orchestrated([*call, *plenty], part, path)
    reading_s = (reads + 1) * total_s * args.video_mbit_s / 8 / sha256_mb_s()
    real_s = total_s * sum(work.values())
    print(f"nothing to do: {again.wall_s:.1f} s")
    print(f"run: {n_jobs} jobs in {run.wall_s:.1f} s, {run.cpu_s:.1f} s of the processor, {run.peak_mb:.0f} MB")
    print(f"files: {results} results and logs, {len(files)} of Snakemake's with {size_mb:.1f} MB")
    print(f"each video is read {reads + 1:.1f} times to know its content: {reading_s:.0f} s")
    print(f"main process: {watched.cpu_s[-1]:.1f} s of the processor for {watched.jobs[-1]} jobs of {JOB_S} s")
    print(f"estimated real work, without trainings: {real_s / 3600:.1f} hours on one core")
    overhead_s = run.cpu_s + reading_s
    figures = planned | {
        "seconds_per_job": round(run.wall_s / n_jobs, 4),
        "overhead_share": round(overhead_s / (overhead_s + real_s), 5),
        "run_s": round(run.wall_s),
        "nothing_to_do_s": round(again.wall_s, 1),
        "snakemake_files": len(files),
        "snakemake_mb": round(size_mb, 1),
        "times_read": round(reads + 1, 1),
        "reading_s": round(reading_s),
        "orchestrator_cpu_share": round(watched.share, 4),
        "orchestrator_growth": round(watched.growth, 2),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
