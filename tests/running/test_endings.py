"""Why a job has failed, by its log; and what a machine has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from abaw.running.endings import Ending, how_it_ended
from abaw.running.machine import gpus_wanted, has_gpu, total_memory_mb

ROOT = Path(__file__).resolve().parents[2]
COMMAND = """
import os, resource, signal
import numpy as np
from abaw.commands.base import run
from abaw.running.errors import UserError

def main():
    print("epoch 1 of 3")
    {work}

run(main)
"""


@pytest.mark.parametrize(
    ("work", "ending"),
    [
        ("raise UserError('labels.csv, line 3: 9 is no expression')", Ending.MISTAKE),
        ("open('/dev/full', 'wb', 0).write(b'x')", Ending.MISTAKE),
        ("resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31)); np.ones(1 << 30)", Ending.MEMORY),
        ("os.kill(os.getpid(), signal.SIGTERM)", Ending.TIME),
        ("os.kill(os.getpid(), signal.SIGXCPU)", Ending.TIME),
        ("os.kill(os.getpid(), signal.SIGKILL)", Ending.MEMORY),
        ("1 / 0", Ending.OTHER),
    ],
)
def test_the_log_of_a_command_says_how_it_ended(tmp_path, work, ending):
    log = tmp_path / "log"
    with log.open("w") as handle:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND.format(work=work)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
            stdout=handle,
            stderr=handle,
        )
    assert done.returncode != 0
    assert how_it_ended(log) is ending
    assert how_it_ended(log, since=log.stat().st_mtime + 1) is Ending.OTHER  # it is an earlier run's


def test_a_job_without_a_log_never_began(tmp_path):
    assert how_it_ended(tmp_path / "none") is Ending.OTHER


def test_a_machine_has_the_memory_that_the_system_says_or_less():
    page = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 100 < total_memory_mb() <= page // 1_000_000


@pytest.mark.parametrize(("name", "found"), [("nvidia0", True), ("dxg", True), ("kfd", True), ("nvidiactl", False)])
def test_a_gpu_is_known_by_what_its_driver_makes(tmp_path, name, found):
    assert not has_gpu(tmp_path)
    (tmp_path / name).touch()
    assert has_gpu(tmp_path) is found


def test_a_job_asks_for_a_gpu_where_it_must_have_one_or_may_find_one(monkeypatch):
    assert [gpus_wanted(device, one_machine) for device in ("cpu", "cuda") for one_machine in (True, False)] == [
        0,
        0,
        1,
        1,
    ]
    assert gpus_wanted("auto", one_machine=False) == 1
    assert gpus_wanted("auto", one_machine=True) == int(has_gpu())
