"""`snakemake --sdm conda` as far as it can be tried without conda: by the stand-in beside this file, which says so.

The files of envs/, solved, installed with all their pins, and used by a rule. Minutes and gigabytes: `make test-conda`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from runs import SHRUNKEN, copy_tree, pins_of

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
STANDIN_NEEDS = ["py-rattler==0.28.0", "PyYAML==6.0.3"]

pytestmark = pytest.mark.conda


@pytest.fixture(scope="session")
def standin(tmp_path_factory) -> Path:
    """A folder with bin/conda, of an environment that is thrown away."""
    folder = tmp_path_factory.mktemp("standin")
    run(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *STANDIN_NEEDS)
    run(python, Path(__file__).with_name("standin.py"), "make", folder / "conda")
    return folder / "conda"


def run(*command: object, **options: object) -> str:
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda path: path.stem)
def test_the_environment_solves_and_holds_exactly_its_pins(standin, tmp_path, file):
    prefix = tmp_path / "prefix"
    run(standin / "bin" / "conda", "env", "create", "--quiet", "--file", file, "--prefix", prefix)
    python = prefix / "bin" / "python"
    script = file.with_name(f"{file.stem}.post-deploy.sh")
    if script.is_file():  # Snakemake runs it in the environment
        run("bash", script, env={**os.environ, "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}"})
    else:
        run(python, "-m", "pip", "check")
    frozen = run(python, "-m", "pip", "freeze", "--all", "--exclude", "pip")
    found = {re.sub(r"\+cpu$", "", line) for line in frozen.splitlines()}  # a machine may have a wheel of its own
    pins = set(pins_of(file))
    assert found - {line for line in found if line.startswith("setuptools==")} <= pins <= found


def test_a_rule_runs_in_its_environment_without_the_package_being_installed(standin, tmp_path):
    folder = copy_tree(tmp_path / "flow")
    bare = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    # No python of ours on the way: what the rule imports can only come from its environment.
    here = str(Path(sys.executable).parent)
    bare["PATH"] = os.pathsep.join(
        [str(standin / "bin"), *(part for part in os.environ["PATH"].split(os.pathsep) if part != here)]
    )
    command = [sys.executable, "-m", "snakemake", "--sdm", "conda", "--cores", "1", *SHRUNKEN, "-p"]
    said = run(*command, "results/report/corpus.html", cwd=folder, env=bare)
    made = re.search(r"Environment for .*envs/main.yaml created \(location: (\S+)\)", said)
    assert made, said[-3000:]
    assert f"Activating conda environment: {made[1]}" in said
    assert (folder / "results/report/corpus.html").is_file()
    python = folder / made[1] / "bin" / "python"
    assert "abaw" not in run(python, "-m", "pip", "list")
    without = subprocess.run([python, "-c", "import abaw"], env=bare, capture_output=True, text=True, cwd=tmp_path)
    assert "ModuleNotFoundError" in without.stderr
