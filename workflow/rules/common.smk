"""What all stages share: the checked configuration, the corpus's layout, and helpers for inputs and params.

In: config/config.yaml and any --configfile over it; the names of the corpus's files. Nothing is decoded here, and there
are no rules. Read by every other .smk file.
"""

import json
import re
import shlex
import sys
from collections.abc import Callable
from functools import cache, reduce
from pathlib import Path

from snakemake.exceptions import WorkflowError

SOURCE = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SOURCE))

from abaw.config import check_config
from abaw.corpus.crops import CropFolders, find_crops
from abaw.corpus.layout import Layout, build_layout, read_folders
from abaw.demo.plan import plan_corpus
from abaw.errors import UserError
from abaw.files import lock_folder
from abaw.imports import files_behind
from abaw.tasks import SPLITS, TASKS

# Jobs find the package without its being installed, here, in a conda environment and on a cluster's node.
shell.prefix(f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(SOURCE))}; ")


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
    CONFIG = check_config(config)
    DEMO = plan_corpus(CONFIG.demo, CONFIG.seed)
    LAYOUT = read_layout()
    CROPS = read_crop_folders()
except UserError as error:
    sys.exit(f"error: {error}")  # without the file and line of this one, which are no business of the user's

BACKBONE = CONFIG.static.backbone
MODELS = ["visual", "acoustic"]
VIDEOS = LAYOUT.videos()
# An input of the first jobs of every video: the corpus is checked before anything is computed, and never makes them rerun.
CHECKED = ancient("results/report/corpus.html")


wildcard_constraints:
    task="|".join(TASKS),
    split="|".join(SPLITS),
    video="[^/]+",
    backbone=re.escape(BACKBONE),
    model="[^/]+",


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


def systems_on(split: str) -> list[str]:
    """The systems that have frames of a split: the fused one has none of the split that its parts were trained on."""
    return MODELS if split == "train" else [*MODELS, "fused"]


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


def weight_files(key: str) -> list[str]:
    """An input: the weights that a section of the configuration gives as a file or a folder; none where it names some."""
    given = {"static": CONFIG.static.weights, "acoustic": CONFIG.acoustic.encoder}[key]
    path = Path(given)
    if path.is_dir():
        return sorted(str(file) for file in path.iterdir() if file.suffix in (".json", ".safetensors", ".bin"))
    return [given] if path.suffix else []


def pretraining_files(wildcards) -> list[str]:
    """An input: the label files and videos of the pre-training corpora that are present."""
    from abaw.corpus.pretraining.registry import label_files  # its libraries load only where the rule is asked for

    try:
        return [str(path) for path in label_files(CONFIG.pretraining)]
    except UserError as error:
        raise WorkflowError(str(error)) from None


def take_folder() -> None:
    """Let no second run write in this folder; the system lets go of it when this process ends, even by a kill."""
    global FOLDER
    try:
        FOLDER = lock_folder(".snakemake")
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
    found = [path for path in [*Path("results").glob("submission_*.zip"), scores] if path.is_file()]
    for path in sorted(found):
        print(f"wrote {path}", file=sys.stderr)
    if scores.is_file():
        measures = {task.challenge_measure for task in TASKS.values()}
        for row in (line.split(",") for line in scores.read_text(encoding="utf-8").splitlines()[1:]):
            if row[3] in measures:
                print(f"{row[0]:5} {row[1]:9} {row[2]:5} {row[3]} {row[4]}", file=sys.stderr)
