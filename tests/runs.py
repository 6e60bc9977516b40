"""Running the workflow in a folder of its own: copies of the project, runs, dry runs, and what they leave behind."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import yaml
from warm import compiling, python

ROOT = Path(__file__).resolve().parents[1]
PARTS = ["Snakefile", "workflow", "profiles", "config", "envs", "resources", "src", "tests"]
SHRUNKEN = ["--configfile", "tests/config/shrunken.yaml"]


def copy_tree(folder: Path) -> Path:
    """The project in a folder of its own, so that runs and edits touch nobody else's."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, folder / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part, follow_symlinks=False)
    return folder


def command(*arguments: str, warm: bool = False) -> list[str]:
    """Snakemake with these arguments; `warm`, in a process that finds its libraries loaded (tests/warm.py)."""
    return [str(python()) if warm else sys.executable, "-m", "snakemake", *arguments]


def environment(warm: bool = False) -> dict[str, str]:
    """As in an activated environment: `python` is the one that runs the tests, or one that has loaded the libraries."""
    folders = [*([python().parent] if warm else []), Path(sys.executable).parent, os.environ["PATH"]]
    return compiling(os.environ) | {"PATH": ":".join(map(str, folders))}


def snakemake(folder: Path, *arguments: str, check: bool = True, warm: bool = True, **more: str) -> str:
    """What a run says, which has to end well or, without `check`, badly; `warm` are it and its jobs.

    `more` goes into its environment.
    """
    done = subprocess.run(
        command(*arguments, warm=warm),
        cwd=folder,
        env=environment(warm) | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if check:
        assert done.returncode == 0, done.stdout[-6000:]
    else:
        assert done.returncode != 0
    return done.stdout


def in_background(
    folder: Path, *arguments: str, said: int | IO = subprocess.DEVNULL, warm: bool = False, **more: str
) -> subprocess.Popen:
    """A run in a process group of its own, which can be killed as a whole; `more` goes into its environment.

    It is a Snakemake of its own in any case; `warm` are its jobs.
    """
    streams = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said}
    variables = environment(warm) | more
    return subprocess.Popen(command(*arguments), cwd=folder, env=variables, start_new_session=True, **streams)


@dataclass
class Plan:
    """What a dry run lists: how many jobs of each rule, and the values of their wildcards."""

    jobs: dict[str, int] = field(default_factory=dict)
    wildcards: dict[str, set[str]] = field(default_factory=dict)


def planned(folder: Path, *arguments: str) -> Plan:
    """What a dry run of the shrunken workflow lists."""
    plan = Plan()
    said = snakemake(folder, "-n", *SHRUNKEN, *arguments)
    for rule, body in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", said, re.MULTILINE):
        plan.jobs[rule] = plan.jobs.get(rule, 0) + 1
        for line in re.findall(r"^    wildcards: (.*)", body, re.MULTILINE):
            for name, value in (pair.split("=", 1) for pair in line.split(", ")):
                plan.wildcards.setdefault(name, set()).add(value)
    return plan


def pins_of(file: Path) -> list[str]:
    """What a conda environment installs by pip: the pip section of its file, or what the script beside it lists."""
    script = file.with_name(f"{file.stem}.post-deploy.sh")
    if script.is_file():
        [pins] = re.findall(r"<<'PINS'\n(.*)\nPINS\n", script.read_text(encoding="utf-8"), re.DOTALL)
        return pins.split("\n")
    dependencies = yaml.safe_load(file.read_text(encoding="utf-8"))["dependencies"]
    [pins] = [item["pip"] for item in dependencies if isinstance(item, dict)]
    return pins


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the results by path, without the times in benchmarks: what must not depend on how a run went."""
    found = [path for path in (folder / "results").rglob("*") if path.is_file()]
    timed = folder / "results" / "benchmarks"
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if not path.is_relative_to(timed)}


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of each of these files."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents(folder).items()}
