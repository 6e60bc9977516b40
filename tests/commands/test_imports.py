"""What commands load before they do anything: starting a job should cost no more than the job needs."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = {path.stem: str(path) for path in sorted((ROOT / "workflow" / "scripts").glob("*/*.py"))}
ASK = """
import importlib.util, json, sys
from pathlib import Path
for path in sys.argv[1:]:
    sys.path.insert(0, str(Path(path).parent))
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    print(json.dumps([Path(path).stem, [name for name in ("torch", "sklearn", "scipy.stats") if name in sys.modules]]))
"""
TORCH = {
    **dict.fromkeys(("train_static", "pretrain_static", "embed_faces"), "the frame-level network"),
    **dict.fromkeys(("train_dynamic", "predict_dynamic"), "the transformer over time"),
    **dict.fromkeys(("train_acoustic", "predict_acoustic"), "the acoustic network"),
    **dict.fromkeys(("train_attention", "predict_attention"), "the network over both modalities"),
    "describe_voice": "a speech encoder",
    "predict_film": "all networks of a bundle",
    "export_embedder": "the frame-level network of a bundle, which it exports",
    "export_spleeter": "Spleeter's network, which it exports",
    "export_detector": "RetinaFace's network, which it exports",
}
"""The commands that load torch, and what for."""
SCIKIT_LEARN = {
    "train_functional": "the kernel ELM is an estimator",
    "predict_functional": "the same estimator",
    **dict.fromkeys(("train_voice_functional", "predict_voice_functional"), "the same, of voices"),
    "fuse_dirichlet": "the fusion is an estimator",
    "fuse_forest": "the forests",
    "estimate_nested": "both, and folds of videos",
}
"""The commands that load scikit-learn and no torch; with it come pandas and scipy.stats, two seconds in all."""


def test_commands_on_tables_load_neither_torch_nor_scikit_learn():
    light = [name for name in SCRIPTS if name not in TORCH and name not in SCIKIT_LEARN]
    ordered = [*light, *SCIKIT_LEARN]  # one process, for what is loaded stays loaded: the light ones first
    call = [sys.executable, "-c", ASK, *(SCRIPTS[name] for name in ordered)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(call, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = dict(map(json.loads, done.stdout.splitlines()))
    assert list(loaded) == ordered
    assert {name: found for name, found in loaded.items() if "torch" in found} == {}
    assert {name: found for name, found in loaded.items() if found and name in light} == {}
    assert TORCH.keys() | SCIKIT_LEARN.keys() <= SCRIPTS.keys()


HEAVY = ("transformers", "huggingface_hub", "torch._dynamo")
HEAR = """
import json, sys
import train_acoustic, predict_acoustic, describe_voice, export_bundle
from abaw.acoustic.encoders.loading import licence_of, load_encoder
load_encoder("whisper_tiny_en", 4)
licence_of("whisper_tiny_en")
print(json.dumps([name for name in {names} if name in sys.modules]))
"""


def test_commands_that_hear_by_the_default_do_not_load_transformers():
    """Which take six seconds of processor time to load, in each of a dozen jobs."""
    folders = [str(folder) for folder in sorted((ROOT / "workflow" / "scripts").iterdir())]
    call = [sys.executable, "-c", HEAR.format(names=HEAVY)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *folders, *sys.path[1:]])}
    done = subprocess.run(call, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def loaded_by(command, names):
    """Which of the modules a command of the stage predict loads before it does anything."""
    program = f"import sys, {command}; print([name for name in {names} if name in sys.modules])"
    folder = str(ROOT / "workflow" / "scripts" / "predict")
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), folder, *sys.path[1:]])}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1].replace("'", '"'))


def test_a_video_is_predicted_without_the_libraries_of_backbones():
    """Which take a second of processor time to load, in each video's last job: `export_embedder` needs them, once."""
    assert loaded_by("predict_film", ("timm", "torchvision", "transformers", "torch._dynamo")) == []


def test_people_are_found_without_what_recognises_them():
    """Which takes a tenth of a second of processor time to load, in each video's job."""
    assert loaded_by("find_people", ("onnxruntime", "scipy", "matplotlib")) == []


TRAIN = """
import sys
import torch
from settings import SHORT_TRAINING
from abaw.nn.training import fit

model = torch.nn.Linear(1, 1)
for optimiser in ("adamw", "adam", "sgd"):
    chosen = SHORT_TRAINING.model_copy(update={"optimiser": optimiser})
    fit(model, lambda items: model(items[:, None].float()).square().mean(), 8, lambda: {"m": 0.0}, "m", chosen, 0)
print("torch._dynamo" in sys.modules)
"""


def test_a_training_does_not_load_the_compiler():
    """Which takes more than a second of processor time, in each of a dozen jobs."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
    done = subprocess.run([sys.executable, "-c", TRAIN], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"


PICTURES = """
import sys
import torch
import abaw.static.embedder, abaw.static.training
from abaw.nn import compat

print(compat.prepare()["torchvision"], "torch._dynamo" in sys.modules, torch._dynamo.config.__name__)
"""


def test_networks_of_pictures_do_not_load_the_compiler_either_and_leave_it_as_it_is():
    """Where torchvision's own operators are there, its import needs the compiler, and takes it."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", PICTURES], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    usable, loaded, own = done.stdout.split()
    assert loaded == str(usable == "native")
    assert own == "torch._dynamo.config"


TABLES = """
import sys
from abaw.commands.base import run
from abaw.tables.files import read_table, table_writer
from abaw.speech.mouths import mouth_row

def main():
    with table_writer("mouths", sys.argv[1]) as write:
        write([mouth_row("solo", 1, 0.0, None)])
    print("pandas" in sys.modules, len(read_table("mouths", sys.argv[1]).to_pylist()), "pandas" in sys.modules)
    print(len(read_table("mouths", sys.argv[1]).to_pandas()))

run(main)
"""


def test_a_command_reads_and_writes_tables_without_pandas(tmp_path):
    """Which takes a quarter of a second and 40 MB to load, in each job; who asks for a data frame gets one."""
    folder = str(ROOT / "workflow" / "scripts" / "predict")
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), folder, *sys.path[1:]])}
    call = [sys.executable, "-c", TABLES, str(tmp_path / "mouths.parquet")]
    done = subprocess.run(call, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["False 1 False", "1"]
