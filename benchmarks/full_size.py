"""Everything after the networks at AffWild2's real size: is it done in time, and within the limits of its rules?

    python benchmarks/full_size.py
    python benchmarks/full_size.py --share 0.1    each video a tenth as long, for a look

The corpus has AffWild2's names, splits, frame counts and rates (those in --stats, or made up in the same numbers), with
stand-ins for videos. What networks would have made of it is made up (full_size_tables.py): embeddings of faces and
voice at five frames a second, the visual and acoustic models' predictions, trained attention. From there on the
project's own workflow runs, with config/affwild2.yaml, on --cores: functionals, prediction with attention, alignment,
the sweep of smoothing, Dirichlet fusion, random forests, scores with intervals, submissions, and the report.

Each job's command is timed, and its peak memory taken, by a stand-in for `python` that calls it; what its rule allows
stands in Snakemake's own record of the job. Where others use the machine, the time of the processor is what to look at.

The last line printed is a JSON object: `total_min`, the whole run with planning; `worst_mem_share`, peak memory over
`mem_mb`, and `worst_time_share`, time over `runtime`, of the worst job; `forest_min`, both forests together; `worst_gb`
and `core_hours`, in time of the processor; and the same of each rule, as `rule_...`.
"""

import argparse
import ast
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from full_size_tables import write_tables
from snakemake.utils import update_config

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from affwild2 import write_affwild2  # noqa: E402  (the folders need not be installed)
from runs import command, copy_tree  # noqa: E402

from abaw.config import check_config  # noqa: E402
from abaw.corpus.layout import read_folders  # noqa: E402
from abaw.tasks import TASKS  # noqa: E402

STAGES = ("functional", "timeline", "fusion", "submission", "report")
FURTHER_RULES = ("predict_attention",)
WITHOUT = ("estimate_nested",)
"""It wants what every epoch of every training says; what it would write is made up as well."""
TARGETS = ("results/report/index.html", *(f"results/submission_{task}.zip" for task in TASKS))
MEASURED = re.compile(r"^full_size: (\S+) s, (\S+) s of the processor, (\S+) MB$", re.MULTILINE)
STANDIN = """#!{python} -IS
import resource, subprocess, sys, time
begin = time.perf_counter()
code = subprocess.call([{python!r}, *sys.argv[1:]])
wall_s, used = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
peak_mb = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
print(f"full_size: {{wall_s:.2f}} s, {{used.ru_utime + used.ru_stime:.2f}} s of the processor, {{peak_mb:.1f}} MB")
sys.exit(code)
"""


@dataclass(frozen=True)
class Job:
    """What a job took, and what its rule allows."""

    rule: str
    name: str
    seconds: float
    cpu_s: float
    peak_mb: float
    mem_mb: float
    runtime_min: float

    @property
    def mem_share(self) -> float:
        """Peak memory over what is allowed."""
        return self.peak_mb / self.mem_mb

    @property
    def time_share(self) -> float:
        """Time over what is allowed."""
        return self.seconds / 60 / self.runtime_min


def read_config(corpus: dict[str, Any]) -> Any:
    """The configuration that the workflow will merge."""
    merged: dict[str, Any] = {}
    for name in ("config.yaml", "affwild2.yaml"):
        update_config(merged, yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8")))
    update_config(merged, {"corpus": corpus})
    return check_config(merged)


def rules() -> list[str]:
    """The rules of the stages that run; what others make is here already."""
    found = list(FURTHER_RULES)
    for stage in STAGES:
        text = (ROOT / "workflow" / "rules" / f"{stage}.smk").read_text(encoding="utf-8")
        found += re.findall(r"^rule (\w+):", text, re.MULTILINE)
    return [rule for rule in found if rule not in WITHOUT]


def run(folder: Path, cores: int) -> float:
    """Run the workflow; its minutes."""
    standin = folder / "standin" / "python"
    standin.parent.mkdir()
    standin.write_text(STANDIN.format(python=sys.executable), encoding="utf-8")
    standin.chmod(0o755)
    environment = {**os.environ, "PATH": f"{standin.parent}:{os.environ['PATH']}"}
    call = command("--configfile", "config/affwild2.yaml", "mine.json", "--cores", str(cores), "--benchmark-extended")
    begin = time.perf_counter()
    done = subprocess.run(
        [*call, "--quiet", "--keep-going", "--allowed-rules", *rules(), "--", *TARGETS], cwd=folder, env=environment
    )
    if done.returncode:
        sys.exit(f"the run failed; its logs are in {folder}, which --folder keeps")
    return (time.perf_counter() - begin) / 60


def read_jobs(folder: Path) -> list[Job]:
    """What Snakemake and the stand-in have written of each job."""
    jobs = []
    benchmarks = folder / "results" / "benchmarks"
    for path in sorted(benchmarks.rglob("*.tsv")):
        with path.open(newline="", encoding="utf-8") as handle:
            [row] = csv.DictReader(handle, delimiter="\t")
        name = path.relative_to(benchmarks).with_suffix("")
        log = (folder / "logs" / name).with_suffix(".log").read_text(encoding="utf-8")
        seconds, cpu_s, peak_mb = map(float, MEASURED.findall(log)[-1])
        allowed = ast.literal_eval(row["resources"])
        jobs.append(Job(row["rule_name"], str(name), seconds, cpu_s, peak_mb, allowed["mem_mb"], allowed["runtime"]))
    return jobs


def figures(jobs: list[Job], total_min: float) -> dict[str, Any]:
    """The last line: the whole, and each rule with its slowest and its largest job."""
    of_rules = {}
    for rule in dict.fromkeys(job.rule for job in jobs):
        own = [job for job in jobs if job.rule == rule]
        slowest, largest = max(own, key=lambda job: job.time_share), max(own, key=lambda job: job.mem_share)
        of_rules[f"rule_{rule}"] = {
            "jobs": len(own),
            "cpu_min": sum(job.cpu_s for job in own) / 60,
            "longest_min": slowest.seconds / 60,
            "time_share": slowest.time_share,
            "peak_gb": largest.peak_mb / 1e3,
            "mem_share": largest.mem_share,
        }
    return {
        "total_min": total_min,
        "core_hours": sum(job.cpu_s for job in jobs) / 3600,
        "worst_mem_share": max(job.mem_share for job in jobs),
        "worst_gb": max(job.peak_mb for job in jobs) / 1e3,
        "worst_time_share": max(job.time_share for job in jobs),
        "forest_min": sum(job.seconds for job in jobs if job.rule == "fuse_forest") / 60,
        **of_rules,
    }


def rounded(value: Any) -> Any:
    """Numbers to three decimals, at any depth."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return round(value, 3)


def main() -> None:
    """Make the tables, run, and say what is what."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stats", type=Path, default=ROOT.parent / "shared" / "media" / "affwild2-stats")
    parser.add_argument("--share", type=float, default=1.0, help="of the length of each video")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to work, and what to keep; it must not exist")
    args = parser.parse_args()
    scratch = args.folder or Path(tempfile.mkdtemp())
    try:
        corpus = write_affwild2(scratch / "affwild2", args.stats if args.stats.is_dir() else None)
        folder = copy_tree(scratch / "project")
        (folder / "mine.json").write_text(json.dumps({"corpus": corpus.model_dump()}), encoding="utf-8")
        config = read_config(corpus.model_dump())
        for name, count in write_tables(folder, config, read_folders(corpus), args.share, args.seed).items():
            print(f"{name}: {count:,} rows")
        total_min = run(folder, args.cores)
        jobs = read_jobs(folder)
    finally:
        if not args.folder:
            shutil.rmtree(scratch)
    found = rounded(figures(jobs, total_min))
    for name, value in found.items():
        print(f"{name}: {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
