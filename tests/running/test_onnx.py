"""ONNX Runtime on the device that was asked for, and on no other."""

from importlib.resources import files

import onnxruntime
import pytest

from abaw.running import onnx
from abaw.running.errors import UserError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def test_the_device_is_the_users_choice(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    assert onnx.providers("cpu") == [CPU]
    with pytest.raises(UserError, match="no CUDA provider; install onnxruntime-gpu"):
        onnx.providers("cuda")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    assert onnx.providers("cuda") == [CUDA, CPU]
    assert onnx.providers("cpu") == [CPU]


def test_a_session_that_falls_back_to_the_cpu_without_a_word_ends_in_a_sentence(monkeypatch):
    path = str(files("silero_vad") / "data" / "silero_vad.onnx")
    monkeypatch.setattr(onnx, "providers", lambda device: [CPU])  # as where CUDA does not load
    onnx.start_session(path, 1, "cpu")
    with pytest.raises(UserError, match="ONNX Runtime could not start on one"):
        onnx.start_session(path, 1, "cuda")
