"""What goes into a bundle by the configuration, and weights as half floats."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch
import yaml
from runs import ROOT
from safetensors.torch import load_file, save_file
from small_bundle import DEFAULT
from snakemake.utils import update_config
from torch import nn

from abaw.bundle.export import _speech, _write_weights
from abaw.bundle.sources import Sources
from abaw.config import check_config
from abaw.functional.kernels import Expansion
from abaw.functional.model import FunctionalModel, Scaling, about, load_model, save_model
from abaw.nn import checkpoint
from abaw.weights.manifest import sha256_of


def sources_of(**bundle) -> Sources:
    settings = deepcopy(DEFAULT)
    settings["bundle"] |= bundle
    return Sources(check_config(settings))


def test_the_bundle_of_the_stand_in_corpus_has_expressions_and_what_its_systems_need():
    settings = deepcopy(DEFAULT)
    update_config(settings, yaml.safe_load((ROOT / "config" / "standin.yaml").read_text(encoding="utf-8")))
    sources = Sources(check_config(settings))
    names = ["static", "visual", "functional", "voice_functional"]
    assert sources.weights() == [f"expr/{name}.safetensors" for name in names]
    assert sources.systems() == ["system_1", "system_2", "system_3"]
    assert not [path for path in sources.inputs() if "va" in path.split("/") or "acoustic" in path]
    assert "results/report/scores/expr_val.csv" in sources.inputs()


@pytest.mark.parametrize(("gate", "source"), [(None, "vad"), ("mouth", "mouth")])
def test_speech_may_be_gated_otherwise_than_in_the_run(gate, source):
    settings = deepcopy(DEFAULT)
    settings["speech"]["gate"]["source"] = "vad"
    settings["bundle"]["gate"] = gate
    config = check_config(settings)
    found = _speech(config)
    assert found["gate"].pop("source") == source
    assert found["gate"] == config.speech.gate.model_dump(exclude={"source"})


def test_all_models_travel_or_those_of_the_systems():
    everything = sources_of(models="all")
    assert "expr/self_attention.safetensors" in everything.weights()
    assert everything.packaged_encoders() == ["whisper_tiny_en"]
    alone = sources_of(models="systems", tasks=["va"])
    names = ["static", "visual", "acoustic", "functional"]
    assert alone.weights() == [f"va/{name}.safetensors" for name in names]


def test_a_network_of_half_floats_computes_in_float32_and_keeps_its_vectors(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 2)).eval()
    network[1].running_var.fill_(1e6)  # more than a half float holds
    save_file(network.state_dict(), tmp_path / "whole")
    _write_weights(tmp_path / "whole", tmp_path / "same", "float32")
    assert (tmp_path / "same").read_bytes() == (tmp_path / "whole").read_bytes()
    _write_weights(tmp_path / "whole", tmp_path / "half", "float16")
    stored = load_file(tmp_path / "half")
    assert {name for name, tensor in stored.items() if tensor.dtype == torch.float16} == {"0.weight", "2.weight"}
    other = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 2)).eval()
    checkpoint.load_state(other, tmp_path / "half")
    assert {parameter.dtype for parameter in other.parameters()} == {torch.float32}
    assert torch.equal(other[1].running_var, network[1].running_var)
    assert torch.equal(other[0].weight, network[0].weight.half().float())
    inputs = torch.randn(4, 8)
    torch.testing.assert_close(other(inputs), network(inputs), atol=1e-3, rtol=0)


@pytest.mark.parametrize("factor", [1.0, 1e6])
def test_a_functional_model_of_half_floats_says_nearly_the_same(tmp_path, factor):
    rng = np.random.default_rng(0)
    basis, coefficients = rng.normal(size=(20, 6)), factor * rng.normal(size=(20, 2))
    scaling = Scaling("standard", rng.normal(size=6), rng.uniform(1, 2, 6))
    model = FunctionalModel(["mean"], scaling, Expansion.of("rbf", 0.3, coefficients, basis), [0])
    save_model(model, tmp_path / "whole")
    _write_weights(tmp_path / "whole", tmp_path / "half", "float16")
    card = json.loads(json.dumps(about(model) | {"sha256": sha256_of(tmp_path / "half")}))
    loaded = load_model(tmp_path / "half", card)
    features = scaling.of(rng.normal(size=(5, 6)), np.zeros(5, np.int64))
    outputs = [one.elm.outputs(features) for one in (model, loaded)]
    np.testing.assert_allclose(outputs[1], outputs[0], atol=5e-3 * factor)
    assert (loaded.elm.coefficients == coefficients).all() == (factor > 1)  # those that half floats do not hold stay
    assert loaded.elm.basis.dtype == np.float64
