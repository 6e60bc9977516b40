"""Kill the shrunken workflow again and again, and take its disk, memory, time and rights; resume it each time.

    python tests/kill_and_resume.py --seed 1

One run goes undisturbed. A second one is killed, its whole process group by SIGKILL, at seeded random moments. In
between its results are read-only, its disk is full at the start or becomes full, a job runs out of memory, a job runs
out of time, and a second run is started beside it: each of these must say one sentence, and no traceback. In the end
every file of the results must be the same, byte for byte, with nothing left over and nothing left to do.

Disk and memory are taken with a tmpfs and a control group, which needs root on Linux; what cannot be taken is said.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runs import SHRUNKEN, contents, copy_tree, environment, in_background, planned, snakemake

ARGUMENTS = ["--cores", "1", *SHRUNKEN]
DISK_MB, JOB_MB, JOB_CPU_S = 800, 300, 3
CGROUPS = Path("/sys/fs/cgroup/memory")  # version 1; in version 2 it is above


class Disturbed:
    """A run in a folder of a disk, started again and again, and what it said the last time; its tools lie elsewhere."""

    def __init__(self, disk: Path, beside: Path) -> None:
        self.folder = copy_tree(disk / "disturbed")
        self.disk, self.beside = disk, beside
        self.said = ""
        self.spent_s = 0.0

    @contextmanager
    def running(self, path: str = "") -> Iterator[subprocess.Popen]:
        """Start it, with `path` before the folders of programs; what is left at the end of the block is killed."""
        begin, found = time.monotonic(), {"TMPDIR": str(self.beside)}
        if path:
            found["PATH"] = f"{path}:{environment()['PATH']}"
        with (self.beside / "said.txt").open("w+", errors="replace") as said:
            process = in_background(self.folder, *ARGUMENTS, said=said, **found)
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self.spent_s += time.monotonic() - begin
                said.seek(0)
                self.said = said.read()

    def killed_after(self, seconds: float) -> bool:
        """Start it and kill it; False where it was done before."""
        with self.running() as process, suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
        return process.returncode != 0

    def fails(self, expected: str, path: str = "", meanwhile: Callable[[], None] | None = None) -> None:
        """Start it, do something, and wait; it must end by itself, with one sentence and no traceback."""
        with self.running(path) as process:
            if meanwhile:
                meanwhile()
            process.wait(timeout=1200)
        found = {" ".join(text.split()) for text in re.findall(r"(?:^|\s)error: .*", self.said)}
        found = found or set(re.findall(r"WorkflowError:\n(?!At least one job)(.*)", self.said))
        if process.returncode == 0 or "Traceback" in self.said or len(found) != 1 or expected not in str(found):
            sys.exit(f"expected one sentence with {expected!r}, exit code {process.returncode}:\n{self.said[-6000:]}")
        print(f"    {found.pop()}")

    def wait_for_a_job(self) -> None:
        """Wait until it is two seconds into its first job."""
        while not re.search(r"^(local)?rule \w+:", (self.beside / "said.txt").read_text(), re.MULTILINE):
            time.sleep(0.1)
        time.sleep(2)

    def last_job(self) -> str:
        """The rule of the job that it came to."""
        return (re.findall(r"^(?:local)?rule (\w+):", self.said, re.MULTILINE) or ["no job"])[-1]


@contextmanager
def limited(folder: Path, line: str) -> Iterator[str]:
    """A folder with a `python` that runs a line of shell before it becomes the real one."""
    folder.mkdir()
    (folder / "python").write_text(f'#!/bin/sh\n{line}\nexec {sys.executable} "$@"\n')
    (folder / "python").chmod(0o755)
    yield str(folder)


def out_of_time(run: Disturbed) -> None:
    """Jobs get JOB_CPU_S seconds of a processor, which the system ends with SIGXCPU."""
    with limited(run.beside / "time", f"ulimit -S -t {JOB_CPU_S}") as path:
        run.fails("was told to end (SIGXCPU)", path)


def out_of_memory(run: Disturbed) -> None:
    """Jobs get JOB_MB megabytes, and the system kills what takes more."""
    unified = not CGROUPS.is_dir()
    group = (CGROUPS.parent if unified else CGROUPS) / f"kill_and_resume_{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.max" if unified else "memory.limit_in_bytes")).write_text(f"{JOB_MB}M")
    except OSError as error:
        print(f"    left out, for there is no control group to be had ({error})")
        return
    try:
        with limited(run.beside / "memory", f"echo $$ > {group}/cgroup.procs") as path:
            run.fails("memory", path)
    finally:
        time.sleep(0.5)
        group.rmdir()


def read_only(run: Disturbed) -> None:
    """The results may not be written in."""
    results = run.folder / "results"
    if os.geteuid():
        results.chmod(0o555)
        run.fails("is read-only or not yours")
        results.chmod(0o755)
    elif mounted("--bind", str(results), str(results)):
        subprocess.run(["mount", "-o", "remount,ro,bind", results], check=True)
        run.fails("is read-only or not yours")
        subprocess.run(["umount", results], check=True)
    else:
        print("    left out, for there is no right to mount")


def full_disk(run: Disturbed) -> None:
    """Nothing is left of the disk when it starts; then it has room, and loses it in the middle of a job."""
    if not run.disk.is_mount():
        print("    left out, for there is no right to mount a small disk")
        return
    ballast = run.disk / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as handle:
            for block in (bytes(1 << 20), bytes(1 << 12)):
                with suppress(OSError):
                    while handle.write(block) == len(block):
                        pass

    fill()
    run.fails("0.0 MB left")
    ballast.unlink()
    run.fails("disk is full", meanwhile=lambda: (run.wait_for_a_job(), fill()))
    ballast.unlink()


def second_run(run: Disturbed) -> None:
    """A second run is started beside the first, which goes on."""
    with run.running() as process:
        run.wait_for_a_job()
        said = snakemake(run.folder, *ARGUMENTS, check=False, warm=False)
        if f"another run is writing in {run.folder} (process {process.pid})" not in said or "Traceback" in said:
            sys.exit(f"a second run said:\n{said}")
        time.sleep(2)
        if process.poll() is not None:
            sys.exit("the first run ended with the second")
    print("    " + re.findall(r"another run is .*", said)[0])


def mounted(*arguments: str) -> bool:
    """Mount something; False where there is no right to."""
    return not os.geteuid() and not subprocess.run(["mount", *arguments], stderr=subprocess.DEVNULL).returncode


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """The folder, on a disk of its own of DISK_MB where there is the right to mount one."""
    folder.mkdir()
    own = mounted("-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        if own:
            subprocess.run(["umount", "--lazy", folder], check=True)


def main() -> None:
    """Run undisturbed, disturb, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument(
        "--undisturbed", type=Path, help="a folder in which the shrunken workflow has run, if there is one"
    )
    args = parser.parse_args()
    rng = random.Random(args.seed)

    with tempfile.TemporaryDirectory() as scratch:
        begin = time.monotonic()
        folder = args.undisturbed or copy_tree(Path(scratch) / "undisturbed")
        snakemake(folder, *ARGUMENTS, warm=False)
        expected = contents(folder)
        whole_s = _seconds_of_jobs(folder)
        print(
            f"undisturbed: {len(expected)} files, {whole_s:.0f} s of jobs, {time.monotonic() - begin:.0f} s", flush=True
        )
        begin = time.monotonic()
        snakemake(folder, *ARGUMENTS, warm=False)  # with nothing to do it takes what it takes before a first job
        start_s = time.monotonic() - begin
        with small_disk(Path(scratch) / "disk") as disk:
            run = Disturbed(disk, Path(scratch))
            mishaps = [out_of_memory, out_of_time, read_only, full_disk, second_run]
            for number in range(1, args.kills + 1):
                if mishaps and number % 3 == 2:
                    mishap = mishaps.pop(0)
                    print(f"{mishap.__name__.replace('_', ' ')}:", flush=True)
                    mishap(run)
                after_s = rng.uniform(0, 2 * (whole_s / args.kills + start_s))
                unfinished = run.killed_after(after_s)
                print(f"kill {number} after {after_s:.1f} s, in {run.last_job()}", flush=True)
                if not unfinished:
                    sys.exit("the run was done before all kills; give fewer with --kills, or another --seed")
            begin = time.monotonic()
            snakemake(run.folder, *ARGUMENTS, warm=False)
            run.spent_s += time.monotonic() - begin
            found = contents(run.folder)
            differ = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
            left = planned(run.folder).jobs
        if differ or left:
            sys.exit(f"{len(differ)} files differ or are left over: {sorted(differ)[:20]}; jobs left: {left}")
    print(f"{args.kills} kills, {run.spent_s:.0f} s in all: {len(found)} files are the same, byte for byte")


def _seconds_of_jobs(folder: Path) -> float:
    """What all jobs took, by their benchmarks."""
    tables = (folder / "results" / "benchmarks").rglob("*.tsv")
    return sum(float(table.read_text().splitlines()[1].split("\t")[0]) for table in tables)


if __name__ == "__main__":
    main()
