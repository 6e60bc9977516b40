"""Fixtures that every test may use."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from runs import ROOT, SHRUNKEN, copy_tree, snakemake

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


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder in which the shrunken workflow has run on two cores, undisturbed; whoever edits in it puts it back."""
    folder = copy_tree(tmp_path_factory.mktemp("undisturbed") / "abaw flow's")  # a blank and a quote in the path
    snakemake(folder, "--cores", "2", *SHRUNKEN)
    return folder
