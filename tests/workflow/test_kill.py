"""A run that is killed twice, on one core, against an undisturbed one on two.

All jobs of the one that is killed are forked (tests/warm.py); of the other the first job of each rule is not.
"""

import os
import signal
import time

import pytest
from runs import SHRUNKEN, copy_tree, digests, in_background, snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.killed]


def test_a_kill_and_one_core_end_with_the_same_bytes(request, tmp_path):
    folder = copy_tree(tmp_path / "killed")
    arguments = ["--cores", "1", *SHRUNKEN]
    for log in ("logs/train_static", "logs/predict_dynamic"):
        process = in_background(folder, *arguments, warm=True)
        while process.poll() is None and not any(path.stat().st_size for path in (folder / log).glob("*")):
            time.sleep(0.1)  # until the job has said what it computes on
        time.sleep(0.5)
        assert process.poll() is None, "the run ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    snakemake(folder, *arguments)
    _, expected = request.getfixturevalue("undisturbed")  # only now: another process may be making it meanwhile
    found = digests(folder)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    assert not [path for path in (folder / "results").rglob("*") if ".part" in path.name]
