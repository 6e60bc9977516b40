"""The shell around a job: which GPU it gets, and for how long it keeps it."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from abaw.running.shell import gpus_of, prefix


def job(folder: Path, gpus, wanted: int, work: str, **more: str) -> subprocess.Popen:
    """A job as Snakemake runs it."""
    command = f"{prefix(folder, gpus)} take_gpu {wanted}; {work}"
    variables = {**os.environ, **more}
    return subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env=variables, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def said(process: subprocess.Popen) -> str:
    text = process.communicate(timeout=60)[0].strip()
    assert process.returncode == 0
    return text


SEES = 'echo "<${CUDA_VISIBLE_DEVICES-unset}>"'


def test_jobs_side_by_side_get_cards_of_their_own_and_one_that_wants_none_sees_none(tmp_path):
    both = [job(tmp_path, ["3", "MIG-a/1"], 1, f"{SEES}; sleep 1") for _ in range(2)]
    assert said(job(tmp_path, ["3", "MIG-a/1"], 0, SEES, CUDA_VISIBLE_DEVICES="0")) == "<>"
    assert {said(process) for process in both} == {"<3>", "<MIG-a/1>"}
    assert said(job(tmp_path, ["3"], 1, SEES)) == "<3>"  # it has been given back


def test_a_job_may_have_several_cards_and_a_card_that_is_named_twice_two_jobs(tmp_path):
    assert said(job(tmp_path, ["5", "5", "7"], 2, SEES)) == "<5,7>"
    both = [job(tmp_path, ["5", "5", "7"], 1, f"{SEES}; sleep 2") for _ in range(2)]
    assert [process.stdout.readline() for process in both] == ["<5>\n", "<5>\n"]
    assert said(job(tmp_path, ["5", "5", "7"], 1, SEES)) == "<7>"
    assert [process.wait() for process in both] == [0, 0]


def test_where_others_share_out_the_cards_a_job_sees_what_they_say(tmp_path):
    assert said(job(tmp_path, None, 1, SEES, CUDA_VISIBLE_DEVICES="2")) == "<2>"
    assert said(job(tmp_path, None, 0, SEES, CUDA_VISIBLE_DEVICES="2")) == "<2>"


def test_a_card_is_free_when_the_last_process_of_its_job_has_ended_however_that_was(tmp_path):
    first = job(tmp_path, ["0"], 1, "sleep 60 & echo held; sleep 60; true")
    assert first.stdout.readline() == "held\n"
    os.kill(first.pid, signal.SIGKILL)  # the shell alone: what it has started runs on, on the card
    second = job(tmp_path, ["0"], 1, SEES)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(timeout=2)
    os.killpg(first.pid, signal.SIGKILL)
    begin = time.monotonic()
    assert said(second) == "<0>"
    assert time.monotonic() - begin < 50, "it waited for the processes to end by themselves"
    first.communicate()


@pytest.mark.parametrize(
    ("count", "visible", "expected"),
    [(1, None, ["0"]), (4, None, ["0", "1", "2", "3"]), (2, "4, 6,7", ["4", "6"]), (1, "", ["0"]), (2, "5", ["5"])],
)
def test_the_cards_of_a_run_are_those_that_its_user_leaves_it(count, visible, expected):
    assert gpus_of(count, visible) == expected
