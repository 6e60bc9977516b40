"""The configuration: complete, documented, and wrong values end in a sentence."""

import subprocess
import sys
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from abaw.config import check_config
from abaw.running.errors import UserError

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from values import agrees, followed, leaves

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))


def changed(key, value):
    config = deepcopy(DEFAULT)
    section = config
    *parents, last = key.split(".")
    for name in parents:
        section = section[name]
    section[last] = value
    return config


def test_the_embedded_default_is_complete_and_valid():
    assert check_config(DEFAULT).model_dump() == DEFAULT


def test_crops_are_as_long_as_the_largest_input_of_a_backbone_or_as_they_are_asked_to_be():
    assert check_config(DEFAULT).crop_side_px == 112
    larger = {"backbone": "efficientnet_b1.ra4_e3600_r240_in1k", "weights": "hub", "input_px": 240, "dropout": 0.1}
    larger |= {
        "drop_path": 0.0,
        "grey": False,
        "mirrored": False,
        "crop_scales": [1.0],
        "input_scales": [1.0],
        "frozen": False,
    }
    assert check_config(changed("static.backbones.expr", larger)).crop_side_px == 240
    assert check_config(changed("faces.crop_side_px", 96)).crop_side_px == 96


@pytest.mark.parametrize(
    "name",
    ["config/affwild2.yaml", "config/affwild2_best.yaml", "config/standin.yaml", "tests/config/shrunken.yaml"],
)
def test_the_other_configurations_are_valid_over_the_default(name):
    def merged(base, over):
        both = {key: merged(base[key], over[key]) if isinstance(base.get(key), dict) else over[key] for key in over}
        return {**base, **both}

    check_config(merged(DEFAULT, yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_no_configuration_that_comes_with_the_project_keeps_or_takes_the_mesh(path):
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert not values.get("faces", {}).get("mesh", False)
    for model in ("dynamic", "functional", "attention"):
        assert "mesh" not in values.get(model, {}).get("inputs", [])


def test_generated_files_agree_with_their_sources():
    done = subprocess.run([sys.executable, ROOT / "tools" / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("faces.margin", 15, ["no key faces.margin", "margin_px"]),
        ("sede", 1, ["no key sede", "seed"]),
        ("faces.margin_px", "15", ["faces.margin_px is '15'", "integer"]),
        ("faces.margin_px", -1, ["faces.margin_px is -1", "greater than or equal to 0"]),
        ("faces.margin_px", 15.5, ["faces.margin_px is 15.5", "integer"]),
        ("faces.detector", "dlib", ["faces.detector is 'dlib'", "mediapipe", "retinaface"]),
        ("faces.detector", "retinaface", ["weights must be a name of resources/weights.yaml", "it is None"]),
        ("timeline.smoothing_s", float("nan"), ["timeline.smoothing_s is nan", "finite"]),
        (
            "dynamic.network.training.learning_rate",
            0,
            ["dynamic.network.training.learning_rate is 0", "greater than 0"],
        ),
        ("dynamic.sweep.windows_s", [2.0, 2.0], ["dynamic.sweep.windows_s is [2.0, 2.0]", "once"]),
        ("dynamic.sweep.windows_s", [], ["dynamic.sweep.windows_s is []", "at least 1"]),
        ("dynamic.sweep.normalisers", ["zscore"], ["dynamic.sweep.normalisers.0 is 'zscore'", "train_minmax"]),
        ("corpus.source", "disk", ["corpus.source is 'disk'", "demo", "folders"]),
        ("static.backbones.va.backbone", "efficientnet_b1", ["has no tag, which says whose weights it starts from"]),
        ("static.backbones.va.input_px", 96, ["lite0.in1k stands under va and expr with different values"]),
        (
            "dynamic.sweep.normalisers",
            ["none", "train_minmax"],
            ["none and train_minmax, which are one model", "set input_batch_norm to false"],
        ),
        ("speech.gate.rule", "authors-", ["speech.gate.rule is 'authors-'", "movement"]),
        ("speech.gate.rate_hz", 0.0, ["speech.gate.rate_hz is 0.0"]),
        ("acoustic.network.noise_snr_db", [40.0, 10.0], ["noise_snr_db is [40.0, 10.0]: the lowest value comes first"]),
        ("acoustic.network.gain_db", [1.0], ["gain_db is [1.0]", "at least 2"]),
        ("demo", None, ["demo is None"]),
        ("compute.threads", True, ["compute.threads is True"]),
        ("acoustic.enabled", False, ["self_attention learns from the voice", "acoustic.enabled"]),
        ("bundle.tasks", ["valence"], ["bundle.tasks is ['valence']: there is no challenge valence, expected some of"]),
        ("bundle.tasks", ["va", "va"], ["bundle.tasks is ['va', 'va']", "once"]),
        ("compute.detector_device", "cuda", ["faces.detector is mediapipe, which runs on a CPU only"]),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(key, value, said):
    with pytest.raises(UserError) as caught:
        check_config(changed(key, value))
    for part in said:
        assert part in str(caught.value)


def test_a_missing_key_is_named():
    config = deepcopy(DEFAULT)
    del config["speech"]["gate"]["window_s"]
    with pytest.raises(UserError, match=r"the key speech\.gate\.window_s is missing"):
        check_config(config)


def test_every_key_says_what_it_means_and_most_name_the_paper():
    readme = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    assert "| `margin_px` | whole number, >= 0, <= 200 | `15` | Pixels added" in readme
    assert readme.count("paper §") > 20


def test_every_key_is_read_somewhere():
    sources = [*ROOT.glob("src/abaw/**/*.py"), *ROOT.glob("workflow/**/*.py"), *ROOT.glob("workflow/**/*.smk")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources if path.name != "config.py")

    def keys(values):
        for key, value in values.items():
            yield from keys(value) if isinstance(value, dict) else [key]

    assert [key for key in keys(DEFAULT) if f".{key}" not in text and f'"{key}"' not in text] == []


def merged_affwild2():
    values, own = deepcopy(DEFAULT), yaml.safe_load((ROOT / "config" / "affwild2.yaml").read_text(encoding="utf-8"))
    update_config(values, own)
    return values, own


def test_every_value_of_the_papers_run_has_a_row_beside_its_sources():
    said = yaml.safe_load((ROOT / "tools" / "values.yaml").read_text(encoding="utf-8"))
    values, own = merged_affwild2()
    assert {key for key, _ in leaves(own)} <= set(said)
    assert set(said) <= {key for key, _ in leaves(values)}
    page = (ROOT / "docs" / "values.md").read_text(encoding="utf-8")
    for key in said:
        assert page.count(f"| `{key}` |") == 1
    for key, sides in said.items():
        assert sides.keys() <= {"paper", "code", "note"}, key
        for side in (sides[name] for name in ("paper", "code") if name in sides):
            assert side.keys() in ({"value", "where"}, {"says", "where", "same"}), key
        agreed = [agrees(sides[name], dict(leaves(values))[key]) for name in ("paper", "code") if name in sides]
        if not agreed or not all(agreed):
            assert sides.get("note") or any(agreed), f"{key}: nothing says what is taken and why"


def test_a_row_says_which_side_is_followed():
    code = {"value": 10, "where": "a.py"}
    paper = {"value": 15, "where": "§3"}
    assert followed({"paper": paper, "code": code}, 15) == "paper, not code"
    assert followed({"paper": paper, "code": code}, 10) == "code, not paper"
    assert followed({"paper": paper, "code": code, "note": "cheaper"}, 9) == "neither: cheaper"
    assert followed({"paper": paper, "code": paper}, 15) == "paper and code"
    assert followed({"note": "yours"}, 1) == "yours"


def test_the_authors_values_of_c_lie_in_the_grid():
    """1 to 10 with weights of 1 / count are classes / windows as large with weights of mean 1."""
    values, _ = merged_affwild2()
    grid = values["functional"]["regularisation"]
    assert grid[0] <= 1e-4 and grid[-1] >= 100
    assert max(b / a for a, b in pairwise(grid)) <= 2.5 + 1e-9
    for c in (1, 10):
        theirs = c * 8 / 10_577
        assert min(abs(theirs / ours - 1) for ours in grid) < 0.35
