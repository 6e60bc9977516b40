"""Libraries that report their use to their makers are told not to, before they are loaded."""

import os
import subprocess
import sys

import pytest
from runs import ROOT

LOADED = """
import abaw
from importlib.resources import files
import onnxruntime
onnxruntime.InferenceSession(str(files("silero_vad") / "data" / "silero_vad.onnx"))
"""


def home_after(tmp_path, **variables: str) -> list[str]:
    """The files that a process which uses ONNX Runtime leaves in the home of somebody new."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    environment = known | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", LOADED], env=environment | variables, check=True)
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


def test_onnx_runtime_gets_no_number_of_this_machine(tmp_path):
    assert home_after(tmp_path) == []


def test_who_wants_to_report_can(tmp_path):
    if not home_after(tmp_path, ORT_DISABLE_TELEMETRY="0"):
        pytest.skip("this build of ONNX Runtime does not report")
