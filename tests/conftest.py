"""Fixtures that every test may use."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real footage beside the checkout; a test that needs it is skipped where it is missing."""
    folder = ROOT.parent / "shared"
    if not (folder / "media").is_dir():
        pytest.skip("needs the real footage of ../shared, which this machine does not have")
    return folder
