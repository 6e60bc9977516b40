"""A bundle of the right form whose weights are a few bytes: what is read before anything is computed."""

import hashlib
import json
from copy import deepcopy
from pathlib import Path

import yaml
from runs import ROOT

DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))


def contents() -> tuple[dict, dict[str, bytes]]:
    """What bundle.json says, and the files."""
    files = {"expr/static.safetensors": b"static", "expr/visual.safetensors": b"visual"}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    score = {"system": "system_1_nested", "measure": "f1_macro", "value": 0.31, "low": 0.25, "high": 0.4}
    said = {
        "form": "abaw-flow bundle",
        "version": 3,
        "package": "abaw-flow 0.1.0",
        "commit": None,
        "threads": 1,
        "floats": "float32",
        "trained_on": {"corpus": "folders", "edition": "other", "pretraining": ["fer"], "data": []},
        "licences": {"a_backbone": "apache-2.0"},
        "limits": ["Nothing is known of cats."],
        "left_out": [],
        "encoders": {},
        "settings": {
            "faces": DEFAULT["faces"],
            "speech": DEFAULT["speech"],
            "embedding": DEFAULT["embedding"],
            "dynamic": DEFAULT["dynamic"]["network"],
            "functional": DEFAULT["functional"],
            "voice_functional": DEFAULT["voice_functional"],
            "acoustic": DEFAULT["acoustic"]["network"],
            "attention": DEFAULT["attention"]["network"],
            "smoothed": "logits",
            "max_entropy_nats": None,
        },
        "tasks": {
            "expr": {
                "models": {
                    "static": {
                        "weights": "expr/static.safetensors",
                        "card": {
                            "sha256": digests["expr/static.safetensors"],
                            "backbone": "tf_efficientnet_lite0.in1k",
                            "input_px": 112,
                        },
                        "smoothing_s": None,
                    },
                    "visual": {
                        "weights": "expr/visual.safetensors",
                        "card": {"sha256": digests["expr/visual.safetensors"]},
                        "smoothing_s": 0.5,
                    },
                },
                "systems": {"system_1": {"title": "faces over time", "models": ["visual"], "weights": None}},
                "preferred": "system_1",
                "scores": [{**score, "rows": 900, "videos": 7, "fitted_on": "train; epoch on val"}],
            }
        },
        "files": {
            name: {"sha256": digests[name], "size_bytes": len(content)} for name, content in sorted(files.items())
        },
    }
    return deepcopy(said), files


def write(folder: Path, said: dict | None = None) -> Path:
    """Write the bundle into a folder, with another bundle.json where `said` is given."""
    own, files = contents()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "bundle.json").write_text(json.dumps(said or own))
    return folder
