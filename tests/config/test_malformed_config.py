"""What else a person or a program could put into the configuration: one sentence each, which names the key."""

import math
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest
import yaml

from abaw.config import check_config
from abaw.running.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))

MALFORMED = {
    # a section that is none, and a value that is a section
    "faces: null": "faces is None",
    "faces: [1, 2]": "faces is [1, 2]",
    "faces: retinaface": "faces is 'retinaface'",
    "seed: {value: 3}": "seed is {'value': 3}",
    "systems: []": "systems is []",
    "systems: {}": "systems is {}",
    "static: {backbones: {va: tf_efficientnet_lite0.in1k}}": "static.backbones.va is 'tf_efficientnet_lite0.in1k'",
    # keys
    "face: {min_score: 0.5}": "there is no key face; allowed here are seed, folds, seeds, compute, corpus",
    "static: {backbones: {both: {}}}": "there is no key static.backbones.both; allowed here are va, expr",
    "1: one": "there is no key 1; all keys are words",
    "faces: {Min_Score: 0.5}": "there is no key faces.Min_Score",
    "faces: {' min_score': 0.5}": "there is no key faces. min_score",
    "systems: {System_1: {title: t, models: [visual], fusion: none}}": "systems.System_1",
    "systems: {'a/../b': {title: t, models: [visual], fusion: none}}": "a/../b",
    "systems: {visual: {title: t, models: [visual], fusion: none}}": "systems.visual has the name of a model",
    "systems: {s: {title: '', models: [visual], fusion: none}}": "systems.s.title is ''",
    "systems: {s: {title: t, models: [], fusion: none}}": "systems.s.models is []",
    "systems: {s: {title: t, models: [visual, visual], fusion: dirichlet}}": "may stand there once",
    "systems: {s: {title: t, models: visual, fusion: none}}": "systems.s.models is 'visual'",
    "systems: {s: {title: t, models: [visual], fusion: forest}}": "cannot have the fusion forest",
    # numbers
    "seed: 1.0": "seed is 1.0",
    "seed: 2147483648": "seed is 2147483648",
    "seed: 1e3": "seed is '1e3'",  # YAML 1.1 reads it as text
    "seed: 0o17": "seed is '0o17'",
    "seed: yes": "seed is True",
    "seed: 2024-05-01": "seed is datetime.date(2024, 5, 1)",
    "faces: {min_score: .nan}": "faces.min_score is nan",
    "faces: {min_score: .inf}": "faces.min_score is inf",
    "faces: {min_score: 1.01}": "faces.min_score is 1.01",
    "faces: {min_score: '0,7'}": "faces.min_score is '0,7'",
    "faces: {analysis_rate_hz: 0}": "faces.analysis_rate_hz is 0",
    "faces: {analysis_rate_hz: 5 Hz}": "faces.analysis_rate_hz is '5 Hz'",
    "faces: {crop_side_px: 0}": "faces.crop_side_px is 0",
    "compute: {threads: 0}": "compute.threads is 0",
    "compute: {threads: 4.5}": "compute.threads is 4.5",
    "demo: {tracks: 9}": "demo.tracks is 9",
    "demo: {tracks: 31}": "demo.tracks is 31",
    "demo: {max_duration_s: 3.9}": "demo.max_duration_s is 3.9",
    "acoustic: {network: {window_s: 5}}": "acoustic.network.window_s is 5",
    "acoustic: {network: {step_s: 5}}": "acoustic.network.step_s is 5",
    "acoustic: {network: {trained_layers: -1}}": "acoustic.network.trained_layers",
    "acoustic: {network: {heard_variants: 0}}": "acoustic.network.heard_variants is 0",
    "acoustic: {network: {heard_variants: 2, trained_layers: all}}": "with trained_layers: all no layer says the same",
    "acoustic: {network: {noise_snr_db: [.nan, 10]}}": "acoustic.network.noise_snr_db",
    "static: {training: {batch_size: 1}}": "static.training.batch_size is 1",
    "static: {training: {epochs: 0}}": "static.training.epochs is 0",
    "static: {training: {clip_norm: 0}}": "static.training.clip_norm is 0",
    "static: {layer_decay: 0}": "static.layer_decay is 0",
    "fusion: {dirichlet: {concentration: 0}}": "fusion.dirichlet.concentration is 0",
    "fusion: {forest: {trees: [0]}}": "fusion.forest.trees.0 is 0",
    "fusion: {forest: {trees: 10}}": "fusion.forest.trees is 10",
    "fusion: {forest: {folds: 1}}": "fusion.forest.folds is 1",
    "seeds: 1": "seeds is 1",
    "dynamic: {network: {overlap: 1.0}}": "dynamic.network.overlap is 1.0",
    "attention: {window_s: 700.0}": "attention.window_s is 700.0",
    "acoustic: {network: {va_loss: mse}}": "acoustic.network.va_loss is 'mse'",
    "static: {backbones: {va: {crop_scales: [0.5, 0.5]}}}": "each value may stand there once",
    "static: {backbones: {va: {input_scales: [1.0, 0.4]}}}": "static.backbones.va.input_scales.1 is 0.4",
    "scoring: {resamples: 99}": "scoring.resamples is 99",
    "timeline: {smoothing_s: -0.5}": "timeline.smoothing_s is -0.5",
    "timeline: {sweep_s: []}": "timeline.sweep_s is []",
    "timeline: {sweep_s: [0.5, half]}": "timeline.sweep_s.1 is 'half'",
    "pretraining: {sewa_scale: 0}": "pretraining.sewa_scale is 0",
    "pretraining: {strides: {sewa: 0}}": "pretraining.strides.sewa is 0",
    # words
    "compute: {device: gpu}": "compute.device is 'gpu'",
    "compute: {device: CPU}": "compute.device is 'CPU'",
    "faces: {subject: biggest}": "faces.subject is 'biggest'",
    "faces: {source: organisers}": "corpus.crops must be the folder of the organisers' crops",
    "corpus: {videos: ''}": "corpus.videos is ''",
    "corpus: {videos: 7}": "corpus.videos is 7",
    "corpus: {sound_track: 0}": "corpus.sound_track is 0: expected default or a whole number from 1 on",
    "corpus: {sound_track: second}": "corpus.sound_track is 'second': expected default or a whole number",
    "predict: {subjects: 101}": "predict.subjects is 101: expected prominent, all or a whole number from 1 to 100",
    "predict: {subjects: true}": "predict.subjects is True: expected prominent, all",
    "corpus: {unscored: '476'}": "corpus.unscored is '476'",
    "corpus: {unscored: [476]}": "corpus.unscored.0 is 476",
    "corpus: {on_unreadable: off}": "corpus.on_unreadable is False",
    "speech: {gate: {source: ears}}": "speech.gate.source is 'ears'",
    "functional: {kernels: [sigmoid]}": "functional.kernels.0 is 'sigmoid'",
    "functional: {regularisation: [0]}": "functional.regularisation.0 is 0",
    "attention: {mechanisms: [self, self]}": "attention.mechanisms",
    "attention: {inputs: [faces]}": "attention.mechanisms has cross, where each modality asks the others",
    "dynamic: {inputs: [mine]}": "dynamic.inputs has 'mine', expected some of faces, voice",
    "dynamic: {inputs: [faces, faces]}": "dynamic.inputs",
    "functional: {inputs: []}": "functional.inputs",
    "embeddings: {faces: {features: here}}": "embeddings.faces has a name of the workflow's own",
    "pretraining: {roots: {affectnet: [a]}}": "pretraining.roots.affectnet is ['a']",
}
"""What stands in a file of one's own, and what the sentence has to say."""


def merged(base: dict, over: dict) -> dict:
    """What Snakemake makes of the default and a file on top of it."""
    both = deepcopy(base)
    for key, value in over.items():
        goes_deeper = isinstance(value, dict) and isinstance(both.get(key), dict) and value and key != "systems"
        both[key] = merged(both[key], value) if goes_deeper else value
    return both


@pytest.mark.parametrize("text", MALFORMED)
def test_what_a_file_of_ones_own_has_wrong_is_said_in_a_sentence(text):
    with pytest.raises(UserError) as caught:
        check_config(merged(DEFAULT, yaml.safe_load(text)))
    said = str(caught.value)
    assert said.startswith("the configuration is wrong: ")
    assert MALFORMED[text] in said
    assert "\n" not in said and "pydantic" not in said and "http" not in said


WRONG = [None, {}, [], "x", b"\xff", math.inf, 10**400, date(2024, 5, 1), {None: 1}, {1: {2: 3}}]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("key", [*DEFAULT, "new"])
def test_no_value_in_the_place_of_a_section_is_a_traceback(key, value):
    if (key, value) in (("models", {}), ("embeddings", {}), ("runs", []), ("folds", None), ("seeds", None)):
        pytest.skip("nothing is brought, compared, folded or repeated, as in the default")
    with pytest.raises(UserError, match="the configuration is wrong"):
        check_config({**DEFAULT, key: value})
