"""What two stages or more use: the checked configuration, the corpus's layout, and helpers for inputs and params.

In: config/config.yaml with any --configfile on top, and the names of the corpus's files; no video is opened.
Out: names that every other .smk file uses. There are no rules here.
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from functools import cache, reduce
from importlib import import_module
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

SOURCE = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SOURCE))

from abaw.config import BackboneConfig, Config, check_config
from abaw.config.command_line import typed
from abaw.corpus.crops import CropFolders, find_crops
from abaw.corpus.layout import Layout, build_layout, read_folders
from abaw.demo.plan import plan_corpus
from abaw.fusion.candidates import Candidates
from abaw.fusion.systems import Systems
from abaw.report.contents import last_words
from abaw.running.errors import UserError
from abaw.running.files import check_room
from abaw.running.imports import files_behind
from abaw.tasks import SPLITS, TASKS
from abaw.weights.given import files_of_weights
from abaw.weights.manifest import read_manifest, weights_of_detector

# What the system ends without a word gets a sentence from the shell around it, by its exit code: 128 and the signal. So
# does what could not log why it ended, on a disk without a free block.
EPITAPH = (
    "case $? in"
    " 0) ;;"
    " 137) echo 'error: the job was killed, most likely for want of memory; give it more (resources: mem_mb), or run fewer"
    " side by side (--cores); then run the same command again' >&2;;"
    " 134|135|139) echo 'error: a library ended the job, often for want of memory or by a broken file; its log says more;"
    " run the same command again' >&2;;"
    ' *) if [ "$(stat -f -c %a . 2>/dev/null)" = 0 ];'
    " then echo 'error: the disk is full; make room and run the same command again' >&2; fi;;"
    " esac"
)
# Each job has a scratch folder of its own, which goes with it.
ENDING = f'{EPITAPH}; rm -rf "$TMPDIR"'
# Jobs find the package without its being installed, here, in a conda environment and on a cluster's node.
shell.prefix(
    f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(SOURCE))}; "
    f"TMPDIR=$(mktemp -d -t abaw.XXXXXXXX); export TMPDIR; trap {shlex.quote(ENDING)} EXIT; "
)

LEAST_MB = 50


def read_layout() -> Layout:
    """The corpus's tracks: planned where the workflow makes the corpus, else as they lie on the disk."""
    if CONFIG.corpus.source == "folders":
        return read_folders(CONFIG.corpus)
    return build_layout(
        CONFIG.corpus,
        DEMO.files(CONFIG.corpus),
        lambda task, path: [track.sample for track in DEMO.annotated(task, "test")],
    )


def read_crop_folders() -> CropFolders:
    """Where the organisers' crops of each track lie; nowhere where the faces come from elsewhere."""
    if CONFIG.faces.source == "detect":
        return CropFolders({}, ())
    return find_crops(Path(CONFIG.corpus.crops), {track.sample for track in LAYOUT.tracks})


try:
    for folder in filter(os.path.isdir, (".", ".snakemake", "results", "logs")):
        check_room(folder, LEAST_MB)
    update_config(config, typed(workflow.config_settings.config, Config))
    CONFIG = check_config(config)
    WEIGHTS = read_manifest()
    DETECTOR_WEIGHTS = weights_of_detector(CONFIG.faces.detector, CONFIG.faces.weights)
    DEMO = plan_corpus(CONFIG.demo)
    LAYOUT = read_layout()
    CROPS = read_crop_folders()
except UserError as error:
    sys.exit(f"error: {error}")  # without the file and line of this one, which are no business of the user's

BACKBONES = {task: getattr(CONFIG.static.backbones, task) for task in TASKS}
MODELS = CONFIG.models
SYSTEMS = dict(sorted(CONFIG.systems.items()))  # not in the order in which configuration files happen to name them
FRAMES = Systems(MODELS, SYSTEMS)
CANDIDATES = Candidates(CONFIG)
VIDEOS = LAYOUT.videos()
# The pre-training corpora that are there, and what fine-tuning takes of a model that was trained on them.
PRETRAINED_ON = [name for name, root in CONFIG.pretraining.roots.model_dump().items() if root is not None]
PRETRAINED_FILES = ["model.safetensors", "card.json"] if PRETRAINED_ON and CONFIG.static.pretraining.enabled else []


wildcard_constraints:
    task="|".join(TASKS),
    split="|".join(SPLITS),
    video="[^/]+",
    backbone="|".join(re.escape(form.backbone) for form in BACKBONES.values()),
    model="[^/]+",
    system="|".join(SYSTEMS),
    mechanism="self|cross",
    corpus="|".join(PRETRAINED_ON) or "(?!)",


@cache
def code(script: str) -> list[str]:
    """An input: a script and every module of ours that it imports. An edited line makes its jobs run again, a touch not."""
    root = Path(workflow.basedir)
    files = files_behind(root / "workflow" / "scripts" / f"{script}.py", SOURCE)
    return [str(path.relative_to(root)) for path in files]


def as_json(value: Any) -> str:
    """A part of the configuration as an argument of a command: the same values give the same text."""
    return json.dumps(value, sort_keys=True)


def section(key: str) -> Callable:
    """A tracked param: one section of the configuration (dots between keys) as JSON."""
    value = reduce(lambda part, name: part[name], key.split("."), config)
    return lambda wildcards: as_json(value)


def untracked(key: str) -> Callable:
    """A param without reruns: a word, or a section as JSON, that the inputs show already or that only decides what is an error.

    Snakemake takes a param that is made from `input` for a consequence of the inputs, and looks at these alone.
    """
    value = reduce(lambda part, name: part[name], key.split("."), config)
    text = value if isinstance(value, str) else as_json(value)
    return lambda wildcards, input: text


def memory_mb(least: int, per_input: float = 0.0) -> Callable:
    """A resource: `least` and so many MB for each of the inputs; twice as much each time that the job is tried again."""

    def needed(wildcards, input, attempt) -> int:
        return int((least + (per_input * input.size_mb if per_input else 0)) * 2 ** (attempt - 1))

    return needed


def form_of(wildcards) -> BackboneConfig:
    """The form of the job's frame-level model; of one before the challenges part, the backbone's."""
    return next(form for form in BACKBONES.values() if form.backbone == wildcards.backbone)


def of_backbone(*patterns: str) -> Callable:
    """An input: each of `patterns` with the job's wildcards and the backbone of its challenge."""

    def paths(wildcards) -> list[str]:
        given = {**dict(wildcards.items()), "backbone": BACKBONES[wildcards.task].backbone}
        return [pattern.format(**given) for pattern in patterns]

    return paths


def manifest_entries(*names: str) -> Callable:
    """A tracked param: what resources/weights.yaml says of weights that a script takes from an installed package."""
    entries = [WEIGHTS[name].model_dump_json() for name in names]
    return lambda wildcards: entries


def detector_network() -> list[str]:
    """An input: the network of the face detector, which mediapipe carries itself."""
    if DETECTOR_WEIGHTS is None:
        return []
    exported = CONFIG.faces.detector == "retinaface"
    return [f"results/weights/{DETECTOR_WEIGHTS.name}/{'detector.onnx' if exported else DETECTOR_WEIGHTS.file}"]


def video_file(wildcards) -> str:
    """An input: the file of a video."""
    return str(VIDEOS[wildcards.video][0].path)


def of_split(pattern: str, *splits: str) -> Callable:
    """An input: `pattern` with the name or the path of every video that has a track in the splits, or in the job's split."""

    def paths(wildcards) -> list[str]:
        chosen = splits or (wildcards.split,)
        videos = {video for split in chosen for video in LAYOUT.videos_of(wildcards.task, split)}
        return [pattern.format(video=video, path=VIDEOS[video][0].path) for video in sorted(videos)]

    return paths


def of_cells(file: str) -> list[str]:
    """An input: a file of every transformer of the sweep, windows within normalisers."""
    sweep = CONFIG.dynamic.sweep
    return [
        f"results/dynamic/{{task}}/{window_s}s_{normaliser}/{file}"
        for normaliser in sweep.normalisers
        for window_s in sweep.windows_s
    ]


def worded(module: str, name: str, *arguments: Any) -> Any:
    """Call a function of the package, imported when it is asked for; its `UserError` is one of the workflow's."""
    try:
        return getattr(import_module(module), name)(*arguments)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def take_folder() -> None:
    """Let no second run write in this folder, nor jobs that a killed one has left on a cluster.

    The system lets go of the folder when this process ends, even by a kill. Jobs call no hooks, so they do not come here.
    """
    global FOLDER
    FOLDER = worded("abaw.running.files", "lock_folder", ".snakemake")
    worded("abaw.running.slurm", "check_none_left", Path.cwd())


def say_what_is_left_out() -> None:
    """The first words of a run: what lies among the organisers' crops and is none."""
    if CROPS.strays:
        print(
            f"{len(CROPS.strays)} entries among the crops belong to no track and are left out, such as {CROPS.strays[0]}",
            file=sys.stderr,
        )
