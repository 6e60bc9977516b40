"""A run that is killed twice, on one core, against an undisturbed one on two."""

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
        process = in_background(folder, *arguments)
        while process.poll() is None and not (folder / log).exists():
            time.sleep(0.2)
        time.sleep(3)  # into the job, past its imports
        assert process.poll() is None, "the run ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    snakemake(folder, *arguments)
    _, expected = request.getfixturevalue("undisturbed")  # only now: another process may be making it meanwhile
    found = digests(folder)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    assert not [path for path in (folder / "results").rglob("*") if ".part" in path.name]
