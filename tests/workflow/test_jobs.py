"""How jobs share a machine and how they are tried again: the workflow's rules, with stand-ins for their commands."""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from runs import command, copy_tree

pytestmark = pytest.mark.workflow

CELLS = [f"results/dynamic/va/{window}s_{kind}" for window in (2.0, 4.0) for kind in ("train", "per_video")]
CELLS = [f"{cell}_minmax/model.safetensors" for cell in CELLS]
SPLITS = ("train", "val")
GIVEN = [f"results/corpus/va/{split}/labels.parquet" for split in SPLITS]
GIVEN += [f"results/embeddings/va/tf_efficientnet_lite0.in1k/{split}.parquet" for split in SPLITS]
WORKS = """#!/bin/bash
echo "begins ${CUDA_VISIBLE_DEVICES-unset}" >> trace; sleep 1; echo "ends ${CUDA_VISIBLE_DEVICES-unset}" >> trace
for word; do case $word in results/*) [ -e "$word" ] || : > "$word" ;; esac; done
"""
FAILS = {
    "mistake": "error: results/x.parquet has no labelled row; check the labels",
    "memory": "error: the memory is used up (7 GiB)",
    "time": "error: the job was told to end (SIGTERM) before it was done",
    "bug": "Traceback (most recent call last): KeyError",
    "killed": "epoch 3",
}
"""The last words of commands that fail, each named by the normaliser of a cell."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """The project with what the transformers over time are trained on, which nobody reads here."""
    folder = copy_tree(tmp_path_factory.mktemp("jobs") / "flow")
    for name in GIVEN:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
    return folder


def begin(
    folder: Path, standin: str, *arguments: str, targets: Sequence[str], warm: bool = False, **more: str
) -> subprocess.Popen:
    """Train cells with a stand-in for `python`, four at a time where nothing stands against it."""
    program = folder / "bin" / "python"
    program.parent.mkdir(exist_ok=True)
    program.write_text(standin)
    program.chmod(0o755)
    (folder / "trace").write_text("")
    variables = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", **more}
    only = ["--allowed-rules", "train_dynamic", "--forcerun", "train_dynamic"]
    call = command(*targets, *only, "--cores", "4", *arguments, warm=warm)
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(call, cwd=folder, env=variables, text=True, **streams)


def train(folder: Path, standin: str, *arguments: str, targets: Sequence[str] = CELLS, **more: str) -> tuple[str, str]:
    """What Snakemake said of such a training, and what the stand-in wrote down."""
    said = begin(folder, standin, *arguments, targets=targets, warm=True, **more).communicate()[0]
    return said, (folder / "trace").read_text()


PLENTY = ["--resources", "gpu=1", "mem_mb=100000"]
ON_GPU = ["--config", "compute={device: cuda}"]


def at_once(trace: str) -> tuple[int, list[str]]:
    """How many jobs there were side by side, and the cards of all; no card has ever two."""
    busy: list[str] = []
    most, cards = 0, []
    for what, card in (line.split(maxsplit=1) for line in trace.splitlines()):
        if what == "begins":
            assert card not in busy
            busy.append(card)
            cards.append(card)
        else:
            busy.remove(card)
        most = max(most, len(busy))
    return most, cards


def test_jobs_that_want_a_gpu_never_run_at_once_on_a_machine_that_is_said_to_have_one(tree):
    said, trace = train(tree, WORKS, *ON_GPU)
    assert at_once(trace) == (1, ["0"] * 4), said[-3000:]


def test_four_jobs_on_two_gpus_run_two_at_a_time_and_see_different_ones(tree):
    said, trace = train(tree, WORKS, "--resources", "gpu=2", *ON_GPU, CUDA_VISIBLE_DEVICES="5,GPU-7a,6")
    most, cards = at_once(trace)
    assert (most, set(cards), len(cards)) == (2, {"5", "GPU-7a"}, 4), said[-3000:]


def test_where_there_is_no_gpu_nothing_queues_for_one_and_memory_bounds_what_runs_side_by_side(tree):
    said, trace = train(
        tree, WORKS.replace("CUDA_VISIBLE_DEVICES-unset", "TMPDIR"), "--config", "compute={device: cpu}"
    )
    assert at_once(trace)[0] == 4, said[-3000:]
    said, trace = train(tree, WORKS, "--resources", "mem_mb=5000", "--config", "compute={device: cpu}")
    assert "mem_mb=4013" in said  # 13 for a step over the shrunken windows
    lines = [line.split()[0] for line in trace.splitlines()]
    assert lines == ["begins", "ends"] * 4, said[-3000:]
    said, trace = train(
        tree, WORKS, "--resources", "mem_mb=1000", "--config", "compute={device: cpu}", targets=CELLS[:1]
    )
    assert "mem_mb=1000" in said  # more than the machine has: it runs alone, with all of it
    assert trace.count("ends") == 1


def test_what_a_job_gets_when_it_is_tried_again_depends_on_how_it_ended(tree):
    cells = [f"results/dynamic/va/1.0s_{name}/model.safetensors" for name in FAILS]
    words = "".join(f"*_{name}/*) echo '{last}';; " for name, last in FAILS.items())
    standin = f'#!/bin/bash\nprintf "%s\\n" "$*" >> trace; case "$*" in {words} esac; exit 1\n'
    said, trace = train(tree, standin, "--retries", "2", "--keep-going", *PLENTY, targets=cells)
    started = re.findall(r"^    wildcards: .*normaliser=(\w+)\n(?:.*\n)??    resources: (.*)", said, re.MULTILINE)
    memory_mb = {name: [] for name in FAILS}
    runtime_min = {name: [] for name in FAILS}
    for name, given in started:
        memory_mb[name] += map(int, re.findall(r"mem_mb=(\d+)", given))
        runtime_min[name] += map(int, re.findall(r"runtime=(\d+)", given))
    runs = {name: trace.count(f"_{name}/model") for name in FAILS}
    assert runs == dict.fromkeys(FAILS, 3) | {"mistake": 1}, said[-3000:]
    more, same = [4013, 8026, 16052], [4013] * 3
    assert memory_mb == {"mistake": [4013], "memory": more, "time": same, "bug": same, "killed": more}
    least = runtime_min["mistake"][0]
    longer, same = [least, 2 * least, 4 * least], [least] * 3
    assert runtime_min == {"mistake": [least], "memory": same, "time": longer, "bug": same, "killed": same}
    assert said.count("Trying to restart job") == 2 * (len(FAILS) - 1)


def test_the_main_process_has_no_more_threads_the_more_jobs_have_ended(tree):
    cells = [f"results/dynamic/va/{window}.0s_none/model.safetensors" for window in range(1, 25)]
    process = begin(tree, WORKS, *PLENTY, "--config", "compute={device: cpu}", "--quiet", "all", targets=cells)
    most = 0
    while process.poll() is None:
        with suppress(OSError):  # it may end before the next line
            most = max(most, sum(1 for _ in Path(f"/proc/{process.pid}/task").iterdir()))
        time.sleep(0.1)
    assert process.returncode == 0, process.communicate()[0][-3000:]
    workers = 4 + 5  # Snakemake's own pool: the cores, and some for jobs without a thread
    assert most <= workers + 5
