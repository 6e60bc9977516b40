"""The device of a job: said in its log, missed in a sentence; half precision where the card has units for it."""

import os
import subprocess
import sys

import pytest
import torch

from abaw.config import ComputeConfig
from abaw.nn import runtime
from abaw.running.errors import UserError


@pytest.fixture
def card(monkeypatch):
    """What torch says of a card that this machine may not have; nothing is computed on it."""

    def has(there: bool, bfloat16: bool = True) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla V100")
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bfloat16)

    return has


def start(device: str, threads: int = 1, deterministic: bool = True) -> torch.device:
    return runtime.start(ComputeConfig(device=device, threads=threads, deterministic=deterministic), seed=0)


def test_a_job_says_which_device_it_took_and_why_not_another(card, monkeypatch, capsys):
    card(there=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert start("cpu").type == start("auto").type == "cpu"
    card(there=True)
    assert start("auto").type == start("cuda").type == "cuda"
    assert start("cpu").type == "cpu"
    card(there=True, bfloat16=False)
    start("cuda")
    assert capsys.readouterr().out.splitlines() == [
        "device: cpu, 1 thread",
        "device: cpu, 1 thread, for torch finds no CUDA device here (CUDA_VISIBLE_DEVICES is 2)",
        "device: Tesla V100 (card 2), bfloat16",
        "device: Tesla V100 (card 2), bfloat16",
        "device: cpu, 1 thread",
        "device: Tesla V100 (card 2), float32, for it has no bfloat16",
    ]


def test_a_job_that_should_have_a_gpu_and_has_none_ends_in_a_sentence(card, monkeypatch):
    card(there=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(UserError, match="'cuda', but torch finds no CUDA device here; mend the driver"):
        start("cuda")


@pytest.mark.parametrize(
    ("bfloat16", "device", "half"), [(True, "cuda", True), (False, "cuda", False), (True, "cpu", False)]
)
def test_networks_compute_in_half_precision_only_where_the_card_has_units_for_it(card, bfloat16, device, half):
    card(there=True, bfloat16=bfloat16)
    assert runtime.half_on_gpu(torch.device(device))._enabled is half


def test_memory_that_is_yet_to_be_written_is_not_filled_and_algorithms_are_deterministic():
    start("cpu")
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.parametrize(("device", "deterministic"), [("cuda", True), ("cuda", False), ("cpu", False)])
def test_a_gpu_may_take_its_quickest_algorithms_and_a_cpu_stays_as_it_is(card, device, deterministic):
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    card(there=True)
    torch.backends.cuda.enable_cudnn_sdp(True)
    start(device, deterministic=deterministic)
    quickest = device == "cuda" and not deterministic
    attention = torch.backends.cuda
    fused = attention.flash_sdp_enabled(), attention.mem_efficient_sdp_enabled(), attention.cudnn_sdp_enabled()
    attention.enable_cudnn_sdp(True)
    assert fused == (True, True, device == "cpu" or quickest)  # of the three, cuDNN's has no deterministic form
    found = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    matmul = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.benchmark = before[1]
    assert found == (not quickest, quickest)
    assert matmul == ("high" if device == "cuda" else before[0])
    start("cpu")
    assert torch.are_deterministic_algorithms_enabled()


FAULTS = """
import resource, sys
import torch
from abaw.config import ComputeConfig
from abaw.nn import runtime
if sys.argv[1] == "start":
    runtime.start(ComputeConfig(device="cpu", threads=1, deterministic=True), seed=0)
def step():
    return sum(float(tensor[0]) for tensor in [torch.ones(10_000_000) for _ in range(8)])  # 40 MB each, freed at once
for _ in range(4):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc that gives memory back")
@pytest.mark.slow
def test_memory_that_a_step_has_freed_is_there_for_the_next():
    faults = [
        int(
            subprocess.run(
                [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
            ).stdout.splitlines()[-1]
        )
        for how in ("start", "without")
    ]
    assert faults[0] < faults[1] / 2
