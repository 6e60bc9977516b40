"""The environment: what the lock says and nothing else, enough for every module, and small."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from import_all import modules, search_folders
from lock import lean, normal
from packaging.requirements import Requirement
from runs import ROOT

OURS = {"abaw-flow", "pip"}
MOST_MB = 2500


def pins(text: str) -> dict[str, str]:
    return {normal(name): version for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)}


def beyond(package: str, known: set[str]) -> set[str]:
    """What a package asks for on this machine beyond `known`, and what that asks for."""
    found: set[str] = set()
    pending = [(package, "")]
    while pending:
        name, extra = pending.pop()
        try:
            asked = map(Requirement, importlib.metadata.requires(name) or [])
        except importlib.metadata.PackageNotFoundError:
            continue
        for wanted in asked:
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                there = normal(wanted.name)
                new = {there} - known - found
                found |= new
                pending += [(there, one) for one in wanted.extras] + [(one, "") for one in new]
    return found


def test_what_is_installed_is_what_the_lock_says():
    locked = pins((ROOT / "requirements.lock").read_text())
    installed = importlib.metadata.distributions(path=[sysconfig.get_path("purelib")])  # imports may widen sys.path
    there = {normal(one.name): one.version.split("+")[0] for one in installed}
    of_torch = beyond("torch", set(locked))  # CUDA's libraries, where this machine's build has them
    assert {name: version for name, version in there.items() if name not in OURS | of_torch} == locked


@pytest.mark.slow
def test_every_module_can_be_imported():
    done = subprocess.run([sys.executable, ROOT / "tools" / "import_all.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_module_is_looked_at_and_a_missing_package_is_said(tmp_path):
    some = ["src/abaw/__init__.py", "workflow/scripts/faces/track_faces.py", "tests/runs.py", "benchmarks/elm.py"]
    assert {ROOT / path for path in some} <= set(modules())
    assert str(ROOT / "workflow" / "scripts" / "faces") in search_folders()
    for path, text in {
        "src/abaw/__init__.py": "",
        "src/abaw/one.py": "import jaxlib",
        "tests/two.py": "import three",
        "tools/three.py": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    tool = shutil.copy(ROOT / "tools" / "import_all.py", tmp_path / "tools")
    done = subprocess.run([sys.executable, tool], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "src/abaw/one.py cannot be imported: ModuleNotFoundError: No module named 'jaxlib'\n"


def test_a_lock_leaves_out_what_is_never_imported():
    frozen = ["numpy==2.4.6", "torch==2.13.0+cpu", "JAX==0.10.2", "opt_einsum==3.4.0", "# a remark"]
    assert lean(frozen, ["# why", "jax", "opt-einsum"]) == ["numpy==2.4.6", "torch==2.13.0"]
    with pytest.raises(SystemExit, match=r"names numba, which nothing asks for any more"):
        lean(frozen, ["jax", "numba"])


def test_the_lock_has_every_package_that_is_asked_for_and_none_that_is_left_out():
    asked, locked = (pins((ROOT / f"requirements.{end}").read_text()) for end in ("in", "lock"))
    assert asked.items() <= locked.items()
    lines = (ROOT / "requirements.omit").read_text().splitlines()
    omitted = {normal(line) for line in lines if line and not line.startswith("#")}
    assert not omitted & locked.keys()


@pytest.mark.environment
def test_a_fresh_environment_of_the_lock_is_small_and_enough(tmp_path):
    for part in ("Makefile", "pyproject.toml", "README.md", "requirements.lock"):
        shutil.copy(ROOT / part, tmp_path / part)
    for part in ("src", "tests", "tools", "workflow", "benchmarks", "config"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    bare = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run(["make", "setup"], cwd=tmp_path, env=bare, check=True)  # it ends with importing all
    folder = tmp_path / ".venv"
    accelerator = [path for path in folder.glob("lib/*/site-packages/*") if path.name in ("nvidia", "triton", "torch")]
    size_mb = megabytes(folder)
    if len(accelerator) > 1:  # torch is a CUDA build here, whose size is not ours
        size_mb -= sum(map(megabytes, accelerator)) - 754
    assert size_mb <= MOST_MB


def megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 2**20
