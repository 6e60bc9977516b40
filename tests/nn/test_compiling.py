"""Trainings whose steps torch compiles: the same losses, and a sentence where there is no compiling."""

import shutil

import pytest
import torch
import yaml
from runs import ROOT
from safetensors.torch import save_file
from trained_together import crops, settings_of_phase

from abaw.config import check_config
from abaw.nn import compiling
from abaw.nn.training import History
from abaw.running.errors import UserError
from abaw.running.machine import check_compiled
from abaw.static.training import train_static

CPU = torch.device("cpu")
TINY = "test_efficientnet"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    """A file with the weights of timm's smallest EfficientNet."""
    import timm  # after abaw, which makes it importable

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(timm.create_model(TINY).state_dict(), path)
    return str(path)


def trained(weights: str, compile_steps: bool) -> History:
    changes = {"backbone": TINY, "weights": weights, "unfrozen_layers": 2, "augmentation": "paper"}
    torch.manual_seed(0)
    return train_static(crops(42, 1), crops(20, 2), settings_of_phase(changes), 1, CPU, compile_steps=compile_steps)[2]


@pytest.mark.slow
def test_compiled_steps_have_the_losses_of_others_and_are_compiled_for_each_form(tiny, monkeypatch):
    """Whole batches and a shorter one, of a network of which one layer more learns in the second epoch."""
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")  # all of torch's compiler but the programs that it writes
    from torch._dynamo.utils import counters

    plain = trained(tiny, compile_steps=False)
    torch._dynamo.reset()
    counters.clear()
    found = trained(tiny, compile_steps=True)
    assert counters["stats"]["unique_graphs"] == 4
    assert not counters["graph_break"]
    for one, other in zip(plain.epochs, found.epochs, strict=True):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-4)


@pytest.mark.skipif(not shutil.which("g++"), reason="torch compiles by g++ for a CPU")
@pytest.mark.slow
def test_where_nothing_can_be_compiled_a_sentence_says_what_is_missing(monkeypatch):
    from torch._inductor import config

    torch._dynamo.reset()
    compiling.try_compiler(CPU)
    torch._dynamo.reset()
    monkeypatch.setattr(config.cpp, "cxx", (None, "no-such-compiler"))
    with pytest.raises(UserError, match=r"torch cannot compile for cpu here \(.*\); it needs a C\+\+ compiler"):
        compiling.try_compiler(CPU)


def test_trainings_on_a_cpu_are_not_compiled():
    with pytest.raises(UserError, match=r"compute.compile is true, but there is no GPU here"):
        compiling.check_compiler(CPU)
    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    raw["compute"] |= {"compile": True, "device": "cpu"}
    with pytest.raises(UserError, match=r"compute.compile is true, but compute.device is cpu"):
        check_config(raw)
    check_compiled(1)
    with pytest.raises(UserError, match=r"compute.compile is true, but there is no GPU here"):
        check_compiled(0)
