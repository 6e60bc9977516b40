"""Run benchmarks and keep their figures: docs/measured.json, and from it docs/measured.md and the tables that quote it.

    python tools/measure.py          all that benchmarks/figures.yaml lists, one after another; some take long
    python tools/measure.py elm dwf  these alone

A benchmark's last line is a JSON object of its figures. What needs ../shared or a GPU is left out, with a word, where
that is missing. Nothing else should run on the machine meanwhile.
"""

import argparse
import datetime
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import measured
from generate import generate

from abaw.running.machine import has_gpu

NEEDS = {"shared": ("../shared", (measured.ROOT.parent / "shared").is_dir), "gpu": ("a GPU", has_gpu)}


def main() -> None:
    """Measure what was asked for; exit with a sentence for each benchmark that failed."""
    named = measured.read_figures()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(named)}")
    asked = parser.parse_args().names or list(named)
    if unknown := [name for name in asked if name not in named]:
        sys.exit(f"there is no benchmark {', '.join(unknown)}; expected some of {', '.join(named)}")
    commit, failed = _commit(), []
    for name in asked:
        need, here = NEEDS.get(named[name].get("needs"), ("", lambda: True))
        if not here():
            print(f"{name}: left out, for it needs {need}, which this machine does not have")
            continue
        print(f"{name}: {named[name]['command']}", flush=True)
        figures = run(named[name]["command"])
        if figures is None:
            failed.append(name)
            continue
        keep(name, named[name]["command"], figures, commit)
    generate()
    if failed:
        sys.exit(f"these benchmarks failed, and their figures are as they were: {', '.join(failed)}")


def run(command: str) -> dict[str, Any] | None:
    """The figures in the last line that a command prints, all of which is shown; None where it fails or has none."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    line = ""
    with subprocess.Popen(
        shlex.split(command), cwd=measured.ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for said in process.stdout:
            print(said, end="", flush=True)
            line = said.strip() or line
    try:
        return json.loads(line) if process.returncode == 0 else None
    except json.JSONDecodeError:
        return None


def keep(name: str, command: str, figures: dict[str, Any], commit: str) -> None:
    """Put the figures of one benchmark into docs/measured.json; all others stay as they are."""
    threads = re.search(r"--threads (\d+)", command)
    every = measured.read_measured()
    every[name] = {
        "command": command,
        "figures": figures,
        "commit": commit,
        "machine": _machine(),
        "threads": int(threads[1]) if threads else os.cpu_count(),
        "date": datetime.date.today().isoformat(),
    }
    text = json.dumps(dict(sorted(every.items())), indent=2, ensure_ascii=False) + "\n"
    measured.MEASURED.write_text(text, encoding="utf-8")


def _commit() -> str:
    command = ["git", "-C", str(measured.ROOT), "describe", "--always", "--abbrev=10", "--dirty"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def _machine() -> str:
    """Cores, processor and memory, in words."""
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{os.cpu_count()} cores of {models[0] if models else 'an unknown processor'}, {memory_gb:.0f} GB of memory"


if __name__ == "__main__":
    main()
