"""What two stages or more use: the checked configuration, the corpus's layout, and helpers for inputs and params.

In: config/config.yaml with any --configfile on top, and the names of the corpus's files; no video is opened.
Out: names that every other .smk file uses. There are no rules here.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from functools import cache, reduce
from importlib import import_module
from inspect import signature
from math import ceil
from pathlib import Path
from typing import Any

from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import update_config

ROOT = Path(workflow.basedir)
SOURCE, SCRIPTS = ROOT / "src", ROOT / "workflow" / "scripts"
sys.path.insert(0, str(SOURCE))

from abaw.config import BackboneConfig, Config, FacesConfig, check_config
from abaw.config.command_line import typed
from abaw.corpus.crops import CropFolders, find_crops
from abaw.corpus.layout import Layout, build_layout, read_folders
from abaw.demo.plan import plan_corpus
from abaw.dynamic.windows import step_mb
from abaw.folds.layout import fold_names, joined_name, samples_of, with_folds
from abaw.fusion.systems import Systems
from abaw.predict.plan import plan_prediction
from abaw.report.contents import last_words
from abaw.running.endings import Ending, Endings
from abaw.running.errors import UserError
from abaw.running.files import check_room
from abaw.running.imports import digest_behind
from abaw.running.machine import check_compiled, check_gpus, gpus_wanted, total_memory_mb
from abaw.running.shell import gpus_of, prefix
from abaw.seeds.layout import averaged_name, seed_names, seed_of, with_seeds
from abaw.static.phases import pretrained_files
from abaw.tasks import SPLITS, TASKS, task_named
from abaw.weights.given import files_of_weights
from abaw.weights.manifest import packaged, read_manifest, weights_of_detector

# One machine runs the jobs itself, and shares out its memory and its GPUs; on a cluster others do.
ONE_MACHINE = workflow.is_main_process and workflow.global_resources["_nodes"].value is None
if ONE_MACHINE:
    for name, value in (("gpu", 1), ("mem_mb", total_memory_mb())):
        if name not in workflow.global_resources:
            workflow.register_resource(name, value)
# Jobs find the package without its being installed, here, in a conda environment and on a cluster's node.
GPUS = gpus_of(workflow.global_resources["gpu"].value, os.environ.get("CUDA_VISIBLE_DEVICES")) if ONE_MACHINE else None
shell.prefix(prefix(SOURCE, GPUS).replace("{", "{{").replace("}", "}}"))
# Why jobs of this run have failed so far: what they get when they are tried again depends on it.
ENDINGS = Endings()

LEAST_MB, DAY_MIN = 50, 1440


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
    config["faces"]["crop_side_px"] = CONFIG.crop_side_px
    WEIGHTS = read_manifest()
    weights_of_detector(CONFIG.faces.detector, CONFIG.faces.weights)
    DEMO = plan_corpus(CONFIG.demo)
    LAYOUT = with_seeds(with_folds(read_layout(), CONFIG.folds), CONFIG.seeds)
    CROPS = read_crop_folders()
    PLAN = plan_prediction(CONFIG.predict, workflow.is_main_process)
    # Networks learn, and read whole videos, where compute.device says; small ones that only predict stay on the CPU.
    NETWORK_GPUS = gpus_wanted(CONFIG.compute.device, ONE_MACHINE)
    DETECTOR_GPUS = gpus_wanted(CONFIG.compute.detector_device, ONE_MACHINE)
    # Those that learn from pictures may have several, and a process for each.
    PICTURE_GPUS = NETWORK_GPUS * CONFIG.compute.gpus
    if ONE_MACHINE and PICTURE_GPUS > 1:
        check_gpus(PICTURE_GPUS, len(set(GPUS)))
    if CONFIG.compute.compile:
        check_compiled(PICTURE_GPUS)
    BACKBONES = {task: getattr(CONFIG.static.backbones, task) for task in TASKS}
    # The pre-training corpora that are there, and what fine-tuning takes of a model that was trained on them.
    PRETRAINED_ON = [name for name, root in CONFIG.pretraining.roots.model_dump().items() if root is not None]
    PRETRAINED_FILES = pretrained_files(
        CONFIG.static.pretraining, bool(PRETRAINED_ON), sorted(form.folder for form in BACKBONES.values())
    )
except UserError as error:
    sys.exit(f"error: {error}")  # without the file and line of this one, which are no business of the user's

MODELS = CONFIG.all_models
SYSTEMS = dict(sorted(CONFIG.systems.items()))  # not in the order in which configuration files happen to name them
FRAMES = Systems(MODELS, SYSTEMS, list(CONFIG.models), CONFIG.fusion.calibration.asked)
VIDEOS = LAYOUT.videos()
# The names under which models are trained, and those under which what the models of all folds or seeds say stands together.
FOLDS = {task: fold_names(task, CONFIG.folds) if CONFIG.folds else [] for task in TASKS}
SEEDS = {task: [task, *seed_names(task, CONFIG.seeds)] for task in TASKS}
FOLDED = [name for names in FOLDS.values() for name in names]
SEEDED = [name for names in SEEDS.values() for name in names[1:]]
OVER_FOLDS = [joined_name(task) for task in TASKS if CONFIG.folds]
OVER_SEEDS = [averaged_name(task) for task in TASKS if CONFIG.seeds]
TRAINED, JOINED = [*TASKS, *FOLDED, *SEEDED], [*OVER_FOLDS, *OVER_SEEDS]
# Whose models speak together under a name; under any other, a training's own do.
TOGETHER = {joined_name(task): ("folds", names) for task, names in FOLDS.items() if names}
TOGETHER |= {averaged_name(task): ("seeds", names) for task, names in SEEDS.items() if CONFIG.seeds}


wildcard_constraints:
    task="|".join([*TRAINED, *JOINED]),
    split="|".join(SPLITS),
    video="[^/]+",
    film="[^/]+",
    backbone="|".join(re.escape(form.folder) for form in BACKBONES.values()),
    model="[^/]+",
    system="|".join(SYSTEMS),
    mechanism="self|cross",
    corpus="|".join(PRETRAINED_ON) or "(?!)",


def read_once(function: Callable) -> Callable:
    """A function whose parameters are read once: Snakemake asks for them some twenty times a job."""
    overwrite_function_params(function, signature(function).parameters)
    return function


def code(script: str) -> str:
    """An input: the script that a job runs."""
    path = SCRIPTS / f"{script}.py"
    return str(path.relative_to(ROOT) if ROOT.resolve() == Path.cwd() else path)


@cache
def modules(script: str) -> str:
    """A tracked param: a digest of a script and every module of ours that it imports.

    An edited line makes its jobs run again, a touch does not. As inputs these files, some thirty a job, would be a third of
    what it takes to plan a large corpus.
    """
    return digest_behind(SCRIPTS / f"{script}.py", SOURCE)


def trainings(wildcards) -> list[str]:
    """The trainings whose models speak together under the job's name, such as those of all folds; else that one alone."""
    return TOGETHER.get(wildcards.task, ("alone", [wildcards.task]))[1]


def as_json(value: Any) -> str:
    """A part of the configuration as an argument of a command: the same values give the same text."""
    return json.dumps(value, sort_keys=True)


def section(key: str) -> Callable:
    """A tracked param: one section of the configuration (dots between keys) as JSON."""
    value = reduce(lambda part, name: part[name], key.split("."), config)
    return read_once(lambda wildcards: as_json(value))


def compute_on(device: str) -> Callable:
    """A tracked param: what a job computes on, as JSON."""
    value = as_json(
        {"device": device, "threads": CONFIG.compute.threads, "deterministic": CONFIG.compute.deterministic}
    )
    return read_once(lambda wildcards: value)


def launcher(wildcards, resources) -> str:
    """A tracked param: what starts a process for each of several cards; nothing where there is one, or none."""
    return f"-m abaw.commands.cards {resources.gpu}" if resources.gpu > 1 else ""


def untracked(key: str) -> Callable:
    """A param without reruns: a word, or a section as JSON, that the inputs show already or that only decides what is an error.

    Snakemake takes a param that is made from `input` for a consequence of the inputs, and looks at these alone.
    """
    value = reduce(lambda part, name: part[name], key.split("."), config)
    text = value if isinstance(value, str) else as_json(value)
    return read_once(lambda wildcards, input: text)


def memory_mb(least: int, per_input: float = 0.0) -> Callable:
    """A resource: `least` and so many MB for each MB of the inputs; twice as much after each end for want of memory.

    On one machine it is all the memory there is at most: such a job runs alone.
    """

    def needed(wildcards, input, rulename) -> int:
        asked = int(least + (per_input * size_mb(input) if per_input else 0))
        asked *= 2 ** ended(rulename, wildcards, Ending.MEMORY)
        return min(asked, workflow.global_resources["mem_mb"].value) if ONE_MACHINE else asked

    return read_once(needed)


def minutes(least: float, per_input: float = 0.0, per_video: float = 0.0) -> Callable:
    """A resource: `least` and so many minutes for each MB of the inputs, and of the job's video.

    It is twice as much after each end for want of time, and a day at most: few partitions allow more, and a training that is
    tried again goes on from its last epoch.
    """

    def needed(wildcards, input, rulename) -> int:
        asked = least + (per_input * size_mb(input) if per_input else 0)
        asked += per_video * size_mb([video_file(wildcards)]) if per_video else 0
        return min(ceil(asked) * 2 ** ended(rulename, wildcards, Ending.TIME), DAY_MIN)

    return read_once(needed)


def ended(rulename: str, wildcards, why: Ending) -> int:
    """How often a job has failed for this reason in this run."""
    return ENDINGS.count(rulename, dict(wildcards.items()), why)


def size_mb(paths) -> float:
    """The size of files together in MB, of those that are there yet. (`input.size_mb` costs a plan three times as much.)"""
    return sum(os.stat(path).st_size for path in paths if os.path.exists(path)) / 1e6


def form_of(wildcards) -> BackboneConfig:
    """The form of the job's frame-level model; of one before the challenges part, the backbone's."""
    return next(form for form in BACKBONES.values() if form.folder == wildcards.backbone)


def of_backbone(*patterns: str) -> Callable:
    """An input: each of `patterns` with the job's wildcards and the backbone of its challenge."""

    def paths(wildcards) -> list[str]:
        given = {**dict(wildcards.items()), "backbone": BACKBONES[task_named(wildcards.task)].folder}
        return [pattern.format(**given) for pattern in patterns]

    return read_once(paths)


def of_inputs(names: list[str], split: str) -> Callable:
    """An input: the embeddings of a split that a model learns from, by the names under its `inputs`."""
    places = {"faces": "{backbone}", "voice": "acoustic"}
    return of_backbone(*(f"results/embeddings/{{task}}/{places.get(name, name)}/{split}.parquet" for name in names))


def manifest_entries(*names: str) -> Callable:
    """A tracked param: what resources/weights.yaml says of weights that a script takes from an installed package."""
    entries = [WEIGHTS[name].model_dump_json() for name in names]
    return read_once(lambda wildcards: entries)


def detector_network(faces: FacesConfig) -> list[str]:
    """An input: the network of the face detector, which mediapipe carries itself."""
    weights = weights_of_detector(faces.detector, faces.weights)
    if weights is None:
        return []
    return [f"results/weights/{weights.name}/{'detector.onnx' if faces.detector == 'retinaface' else weights.file}"]


@read_once
def video_file(wildcards) -> str:
    """The file of a video: an input of `digest_video`, a tracked param of all others, for which the digest stands.

    Snakemake reads a file anew for each output of each job that has it as an input, which no video needs.
    """
    return str(PLAN.films.paths[wildcards.film] if "film" in wildcards.keys() else VIDEOS[wildcards.video][0].path)


def of_split(pattern: str, *splits: str) -> Callable:
    """An input: `pattern` with the name or the path of every video that has a track in the splits, or in the job's split."""

    def paths(wildcards) -> list[str]:
        chosen = splits or (wildcards.split,)
        videos = {video for split in chosen for video in LAYOUT.videos_of(wildcards.task, split)}
        return [pattern.format(video=video, path=VIDEOS[video][0].path) for video in sorted(videos)]

    return read_once(paths)


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


def lift_rate_limit() -> None:
    """Let the scheduler wake up when a job ends, and not over and over as well.

    Unless a limit is asked for, Snakemake starts no more than 100 jobs a second. To keep to that, each look at the queue sets
    a timer for the next (`JobScheduler.schedule`, 9.27), and each job that ends adds such a chain: after some hundred jobs the
    queue is looked through hundreds of times a second. No option turns it off, for its smallest value is one job; without the
    limiter, as when Snakemake is called from Python, there are no timers.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def listen_to_failures() -> None:
    """Hear why jobs fail, before it is decided whether they are tried again."""
    ENDINGS.listen(logger, lambda: workflow.scheduler.running, time.time())


def say_what_is_left_out() -> None:
    """The first words of a run: what lies among the organisers' crops and is none."""
    if CROPS.strays:
        print(
            f"{len(CROPS.strays)} entries among the crops belong to no track and are left out, such as {CROPS.strays[0]}",
            file=sys.stderr,
        )


def say_what_is_known() -> None:
    """What the bundle that the repository carries knows, where videos are predicted and no other bundle is named."""
    if PLAN is not None and CONFIG.predict.bundle is None:
        print(worded("abaw.bundle.words", "in_words", PLAN.bundle), file=sys.stderr)
