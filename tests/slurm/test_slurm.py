"""The shrunken workflow through a real SLURM with three nodes, undisturbed and disturbed: `make test-slurm`, as root.

cluster.sh beside this file brings the SLURM up on this machine and takes it away. The profile is the one that is
shipped; what the tests add is said in OVER_PROFILE.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from runs import SHRUNKEN, contents, copy_tree, in_background, planned, snakemake

from abaw.running.slurm import jobs_left

CLUSTER = Path(__file__).with_name("cluster.sh")
# Asked often, and of squeue, since there is no database of jobs.
OVER_PROFILE = ["--slurm-init-seconds-before-status-checks", "5", "--slurm-status-command", "squeue"]
OVER_PROFILE += ["--latency-wait", "10"]
THROUGH_SLURM = ["--workflow-profile", "workflow/profiles/slurm", *OVER_PROFILE, *SHRUNKEN]
ON_GPU = {"train_static", "embed_faces", "train_dynamic", "train_acoustic", "predict_acoustic", "train_attention"}
ON_GPU |= {"describe_voice"}

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Nodes cpu1 and cpu2 in partition cpu, gpu1 in partition gpu; gone afterwards, however the tests end."""
    done = subprocess.run([CLUSTER, "up", tmp_path_factory.mktemp("slurm")], capture_output=True, text=True)
    if done.returncode:
        pytest.fail(done.stderr.strip(), pytrace=False)
    yield
    subprocess.run([CLUSTER, "down"], check=True)


@pytest.fixture(scope="session")
def local(tmp_path_factory) -> dict[str, bytes]:
    """What a run on this machine alone ends with."""
    folder = copy_tree(tmp_path_factory.mktemp("local") / "flow")
    snakemake(folder, "--cores", "2", *SHRUNKEN, warm=False)
    return contents(folder)


def slurm(*command: str) -> list[str]:
    """What a command of SLURM answers, by line."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()


def jobs(folder: Path) -> list[dict[str, str]]:
    """All that SLURM knows of each job that a run has submitted in `folder`."""
    lines = slurm("scontrol", "--oneliner", "show", "jobs")
    here = [line for line in lines if f" WorkDir={folder} " in line]
    return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in here]


def what(job: dict[str, str]) -> str:
    """The rule of a job, or the group and one of its rules."""
    return job["Comment"].removeprefix("rule_").split("_wildcards_")[0]


def running(folder: Path, name: str) -> list[str]:
    """The numbers of the running jobs of a rule or a group."""
    return [job["JobId"] for job in jobs(folder) if job["JobState"] == "RUNNING" and what(job).startswith(name)]


def wait_for(happens: Callable[[], object], process: subprocess.Popen) -> None:
    while not happens():
        assert process.poll() is None, "the run has ended before what the test waits for"
        time.sleep(0.3)


def assert_same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def test_every_job_runs_where_the_profile_says_and_the_bytes_are_those_of_a_local_run(
    cluster, local, tmp_path, monkeypatch
):
    folder, scratch = copy_tree(tmp_path / "abaw flow's"), tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    n_jobs = sum(planned(folder).jobs.values())
    started = time.monotonic()
    snakemake(folder, *THROUGH_SLURM, warm=False)
    wall_s = time.monotonic() - started
    done = jobs(folder)
    print(f"{n_jobs} jobs of the workflow in {len(done)} jobs of SLURM, {wall_s:.0f} s")  # pytest -s shows it
    assert {job["JobState"] for job in done} == {"COMPLETED"}
    assert {job["NodeList"] for job in done} == {"cpu1", "cpu2", "gpu1"}
    assert {what(job) for job in done} >= ON_GPU
    for job in done:
        on_gpu = what(job) in ON_GPU
        assert job["Partition"] == ("gpu" if on_gpu else "cpu")
        assert ("gpu:1" in job.get("TresPerJob", "")) == on_gpu
    assert len(done) < n_jobs / 2
    assert_same(contents(folder), local)
    assert list(scratch.glob("abaw.*")) == []
    assert "Nothing to be done" in snakemake(folder, *THROUGH_SLURM, warm=False)
    assert "Nothing to be done" in snakemake(folder, "--cores", "2", *SHRUNKEN, warm=False)


def test_cancelled_jobs_a_node_down_and_a_killed_run_end_with_the_same_bytes(cluster, local, tmp_path):
    folder = copy_tree(tmp_path / "outage")
    process = in_background(folder, *THROUGH_SLURM)
    try:
        wait_for(lambda: running(folder, "videos"), process)
        time.sleep(5)
        slurm("scancel", *running(folder, "videos"))  # the run tries them again
        wait_for(lambda: running(folder, "train_static"), process)
        time.sleep(5)
        slurm("scontrol", "update", "NodeName=gpu1", "State=DOWN", "Reason=test")
        time.sleep(5)
        slurm("scontrol", "update", "NodeName=gpu1", "State=RESUME")
        wait_for(lambda: running(folder, "train_dynamic"), process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # as where the login node goes down
        process.wait()
    said = snakemake(folder, *THROUGH_SLURM, check=False, warm=False)
    [left] = re.findall(r"jobs of an earlier run still wait or run in .*: scancel (.*)", said)
    assert "Traceback" not in said
    slurm("scancel", *left.split())
    while jobs_left(folder):
        time.sleep(0.3)
    snakemake(folder, *THROUGH_SLURM, warm=False)
    assert_same(contents(folder), local)
