"""What checks the forms of files and is in no lock of the project: DuckDB, lxml, and the schemas of ELAN's files."""

import tarfile

import pytest
from runs import ROOT

FOLDER = ROOT / ".formats"
HOW = "needs what make test-formats installs"


def installed(name):
    """A module, or a skipped test that says how to get it."""
    return pytest.importorskip(name, reason=HOW)


def elan_schema(version):
    """ELAN's schema of this version of its form, as pympi's source distribution carries it for its own tests."""
    found = sorted(FOLDER.glob("pympi_ling-*.tar.gz"))
    if not found:
        pytest.skip(HOW)
    with tarfile.open(found[-1]) as archive:
        return archive.extractfile(f"{found[-1].name.removesuffix('.tar.gz')}/test/EAFv{version}.xsd").read()
