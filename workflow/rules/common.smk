"""What all stages share: the checked configuration, the corpus's layout, and helpers for inputs and params.

In: config/config.yaml and any --configfile over it; the names of the corpus's files. Nothing is decoded here, and there
are no rules. Read by every other .smk file.
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from functools import cache, reduce
from pathlib import Path

from snakemake.exceptions import WorkflowError

SOURCE = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SOURCE))

from abaw.config import BackboneConfig, check_config
from abaw.corpus.crops import CropFolders, find_crops
from abaw.corpus.layout import Layout, build_layout, read_folders
from abaw.demo.plan import plan_corpus
from abaw.errors import UserError
from abaw.files import check_room, lock_folder
from abaw.imports import files_behind
from abaw.slurm import check_none_left
from abaw.tasks import SPLITS, TASKS
from abaw.weights import read_manifest, weights_of_detector

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
    CONFIG = check_config(config)
    WEIGHTS = read_manifest()
    DETECTOR_WEIGHTS = weights_of_detector(CONFIG.faces.detector, CONFIG.faces.weights)
    DEMO = plan_corpus(CONFIG.demo, CONFIG.seed)
    LAYOUT = read_layout()
    CROPS = read_crop_folders()
except UserError as error:
    sys.exit(f"error: {error}")  # without the file and line of this one, which are no business of the user's

BACKBONES = {task: getattr(CONFIG.static.backbones, task) for task in TASKS}
MODELS = CONFIG.models
SYSTEMS = dict(sorted(CONFIG.systems.items()))  # not in the order in which configuration files happen to name them
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


def section(key: str) -> Callable:
    """A tracked param: one section of the configuration (dots between keys) as JSON."""
    value = reduce(lambda part, name: part[name], key.split("."), config)
    return lambda wildcards: json.dumps(value, sort_keys=True)


def untracked(key: str) -> Callable:
    """A param without reruns: a word, or a section as JSON, that the inputs show already or that only decides what is an error.

    Snakemake takes a param that is made from `input` for a consequence of the inputs, and looks at these alone.
    """
    value = reduce(lambda part, name: part[name], key.split("."), config)
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return lambda wildcards, input: text


def memory_mb(least: int, per_input: float = 0.0) -> Callable:
    """A resource: `least` and so many MB for each of the inputs; twice as much each time that the job is tried again."""

    def needed(wildcards, input, attempt) -> int:
        return int((least + (per_input * input.size_mb if per_input else 0)) * 2 ** (attempt - 1))

    return needed


def static_phase(phase: str) -> Callable:
    """A tracked param: what a phase of the frame-level model needs, so that a change of one does not rerun the other."""
    static = config["static"]
    own = {key: value for key, value in static.items() if key not in ("backbones", "pretraining")}
    if phase == "pretraining":
        own = {key: value for key, value in static["pretraining"].items() if key != "enabled"}
    return lambda wildcards: json.dumps(own | form_of(wildcards).model_dump(), sort_keys=True)


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


def tracks_of(wildcards) -> list:
    """The tracks in a split of a task."""
    return LAYOUT.tracks_of(wildcards.task, wildcards.split)


def rows_of_split(wildcards) -> list[str]:
    """An input: the files that say which rows a split has, label files, or the template and the list of names."""
    if wildcards.split == "test":
        return [str(LAYOUT.templates[wildcards.task]), str(LAYOUT.test_lists[wildcards.task])]
    return [str(track.labels[wildcards.task]) for track in tracks_of(wildcards)]


def fused_by(fusion: str) -> str:
    """A wildcard's constraint: the systems that a fusion makes."""
    return (
        "|".join(name for name, system in SYSTEMS.items() if system.fusion == fusion) or "(?!)"
    )  # none matches nothing


def models_of(pattern: str) -> Callable:
    """An input: `pattern` with each model of the job's system."""
    return lambda wildcards: [
        pattern.format(task=wildcards.task, model=model) for model in SYSTEMS[wildcards.system].models
    ]


def frames_of_system(wildcards) -> str:
    """An input: the frames of the test split of a system, which are its model's where it has a single one."""
    return named_frames(wildcards.task, "test")[wildcards.system]


def named_frames(task: str, split: str) -> dict[str, str]:
    """The frames of a split by name: models, then systems, then what forests say of the rows that they have learned.

    On the training split, on which models are trained and fusion is not fitted, there are only the models.
    """
    found = {model: f"results/frames/{task}/{model}/{split}.parquet" for model in MODELS}
    if split == "train":
        return found
    for name, system in SYSTEMS.items():
        alone = system.fusion == "none"
        found[name] = found[system.models[0]] if alone else f"results/systems/{task}/{name}/{split}.parquet"
        if system.fusion == "forest" and split == "val":
            for kind in ("out_of_bag", "in_sample"):
                found[f"{name}_{kind}"] = f"results/systems/{task}/{name}/{kind}.parquet"
    return found


def shown_frames(task: str) -> dict[str, str]:
    """The validation frames that a timeline shows: both modalities, and the last two systems that fuse."""
    found = named_frames(task, "val")
    fused = [name for name, system in SYSTEMS.items() if system.fusion != "none"]
    return {name: found[name] for name in ["visual", "acoustic", *fused[-2:]]}


def fits_of(fusion: str) -> list[str]:
    """An input: what each system of a fusion was fitted to."""
    names = [name for name, system in SYSTEMS.items() if system.fusion == fusion]
    return [f"results/systems/{{task}}/{name}/fit.json" for name in names]


def figures_of_page() -> dict[str, str]:
    """The figures of the report's page, with their titles."""
    kinds = {"timeline": "Timelines", "weights": "Fusion weights", "curves": "Learning curves", "sweep": "Windows"}
    if not fits_of("dirichlet"):
        del kinds["weights"]
    found = {
        f"results/report/{kind}_{task}.png": f"{title}, {TASKS[task].title}"
        for kind, title in kinds.items()
        for task in TASKS
    }
    return found | {"results/report/confusion_expr.png": "Confusion, validation"}


def corpus_in_words() -> str:
    """What the report calls the corpus that ran."""
    if CONFIG.corpus.source == "demo":
        return "the embedded corpus"
    return "AffWild2" if CONFIG.corpus.edition == "affwild2" else f"the corpus in {CONFIG.corpus.videos}"


def template_of(wildcards) -> str:
    """An input: the submission template of a task."""
    return str(LAYOUT.templates[wildcards.task])


def subjects_of(wildcards) -> str:
    """A tracked param: the subjects of a video and where they sit, as JSON."""
    return json.dumps([{"sample": track.sample, "side": track.side} for track in VIDEOS[wildcards.video]])


def crops_of(wildcards) -> list[str]:
    """An input: the folder of the organisers' crops of each subject of a video; what is added or removed there counts."""
    return [str(CROPS.by_sample[track.sample]) for track in VIDEOS[wildcards.video]]


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


def files_of_weights(given: str) -> list[str]:
    """An input: the files of weights that the configuration gives as a file or a folder; none where it names some."""
    path = Path(given)
    if path.is_dir():
        return sorted(str(file) for file in path.iterdir() if file.suffix in (".json", ".safetensors", ".bin"))
    return [given] if path.suffix == ".safetensors" else []


def backbone_files(wildcards) -> list[str]:
    """An input: the weights that the job's backbone starts from."""
    return files_of_weights(form_of(wildcards).weights)


def pretraining_files(wildcards) -> list[str]:
    """An input: the label files and videos of the pre-training corpora that are present."""
    from abaw.corpus.pretraining.registry import label_files  # its libraries load only where the rule is asked for

    try:
        return [str(path) for path in label_files(CONFIG.pretraining)]
    except UserError as error:
        raise WorkflowError(str(error)) from None


def take_folder() -> None:
    """Let no second run write in this folder, nor jobs that a killed one has left on a cluster.

    The system lets go of the folder when this process ends, even by a kill. Jobs call no hooks, so they do not come here.
    """
    global FOLDER
    try:
        FOLDER = lock_folder(".snakemake")
        check_none_left(Path.cwd())
    except UserError as error:
        raise WorkflowError(str(error)) from None


def say_what_is_left_out() -> None:
    """The first words of a run: what lies among the organisers' crops and is none."""
    if CROPS.strays:
        print(
            f"{len(CROPS.strays)} entries among the crops belong to no track and are left out, such as {CROPS.strays[0]}",
            file=sys.stderr,
        )


def say_what_was_written() -> None:
    """The last words of a run: the files to look at, and what each system scored."""
    scores = Path("results/report/scores.csv")
    page = Path("results/report/index.html")
    found = [path for path in [*Path("results").glob("submission_*.zip"), page, scores] if path.is_file()]
    for path in sorted(found):
        print(f"wrote {path}", file=sys.stderr)
    if scores.is_file():
        measures = {task.challenge_measure for task in TASKS.values()}
        for row in (line.split(",") for line in scores.read_text(encoding="utf-8").splitlines()[1:]):
            if row[3] in measures:
                print(f"{row[0]:5} {row[1]:21} {row[2]:5} {row[3]} {row[4]}", file=sys.stderr)
