"""Fixtures that every test may use."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from runs import ROOT, SHRUNKEN, copy_tree, digests, snakemake

# The commands of the rules are imported by their names.
sys.path += [str(folder) for folder in sorted((ROOT / "workflow" / "scripts").iterdir())]

# A test fails for what it finds, never for a slow machine.
settings.register_profile("anywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anywhere")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real footage beside the checkout; a test that needs it is skipped where it is missing."""
    folder = ROOT.parent / "shared"
    if not (folder / "media").is_dir():
        pytest.skip("needs the real footage of ../shared, which this machine does not have")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes: of two processes, which get a half each, one with a run that is killed, the other
    with all that waits for a finished one.
    """
    killed = [item for item in items if "killed" in item.keywords]
    finished = [item for item in items if "finished" in getattr(item, "fixturenames", ())]
    others = [item for item in items if item not in {*killed, *finished}]
    half = max(0, len(items) // 2 - len(killed))
    items[:] = [*killed, *others[:half], *finished, *others[half:]]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A folder in which the shrunken workflow has run on two cores, and the digest of each file that this made.

    The first job of each rule begins as a user's does. The others are forked (tests/warm.py), as are all of the run
    that is killed (tests/workflow/test_kill.py): the bytes are the same. The tests run in several processes: the first
    that asks makes it, the others wait for it.
    """
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, told = base / "undisturbed" / "abaw flow's", base / "undisturbed.json"  # a blank and a quote in the path
    with FileLock(base / "undisturbed.lock"):
        if not told.exists():
            shutil.rmtree(folder, ignore_errors=True)
            begun = tmp_path_factory.mktemp("begun")
            snakemake(copy_tree(folder), "--cores", "2", *SHRUNKEN, FIRST_ANEW=str(begun))
            told.write_text(json.dumps(digests(folder)))
    return folder, json.loads(told.read_text())


@pytest.fixture(scope="session")
def finished(undisturbed) -> Path:
    """The folder of the finished run, which nobody edits: `edited` in tests/workflow/test_reruns.py is a copy."""
    return undisturbed[0]
