"""A corpus in AffWild2's form that is small enough to break in a hundred ways: eight tracks in six videos."""

from fractions import Fraction
from pathlib import Path

from standins import write_standin

from abaw.config import CorpusConfig
from abaw.tasks import TASKS, Split, TaskName

N_FRAMES = 12
VIDEOS = {
    "batch1/video29.mp4": Fraction(30),
    "batch1/video2.avi": Fraction(25),
    "batch2/video86_2.mp4": Fraction(30000, 1001),
    "batch2/102.mp4": Fraction(15, 2),
    "new_vids/6-30-1920x1080.mp4": Fraction(30),
    "new_vids/480.avi": Fraction(30),
}
MEMBERS: dict[TaskName, dict[Split, tuple[str, ...]]] = {
    "va": {
        "train": ("102", "video29_left", "video29_right"),
        "val": ("480", "video2", "video2_left"),
        "test": ("6-30-1920x1080", "video86_2"),
    },
    "expr": {"train": ("video29_left",), "val": ("video86_2",), "test": ("102", "video2_left")},
}
FOLDERS = {
    "videos": "videos",
    "annotations": "annotations",
    "test_lists": "names_of_videos_in_each_test_set",
    "templates": "prediction_files_format",
}
VALUES = {"va": "0.25,-0.5", "expr": "4"}
VA_TRAIN = "annotations/VA_Estimation_Challenge/Train_Set"
VA_VAL = "annotations/VA_Estimation_Challenge/Validation_Set"
EXPR_TRAIN = "annotations/EXPR_Recognition_Challenge/Train_Set"
EXPR_VAL = "annotations/EXPR_Recognition_Challenge/Validation_Set"
VA_LIST = f"{FOLDERS['test_lists']}/Valence_Arousal_Estimation_Challenge_test_set_release.txt"
EXPR_LIST = f"{FOLDERS['test_lists']}/Expression_Recognition_Challenge_test_set_release.txt"
VA_TEMPLATE = f"{FOLDERS['templates']}/CVPR_6th_ABAW_VA_test_set_sample.txt"
EXPR_TEMPLATE = f"{FOLDERS['templates']}/CVPR_6th_ABAW_Expr_test_set_sample.txt"
PARTS = {
    "va": {"train": VA_TRAIN, "val": VA_VAL, "list": VA_LIST, "template": VA_TEMPLATE},
    "expr": {"train": EXPR_TRAIN, "val": EXPR_VAL, "list": EXPR_LIST, "template": EXPR_TEMPLATE},
}


def write_small(root: Path, **changes: object) -> CorpusConfig:
    """Write the corpus into `root`; its configuration, with `changes`."""
    for name, fps in VIDEOS.items():
        path = root / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_standin(path, N_FRAMES, fps)
    for task, parts in PARTS.items():
        for split in ("train", "val"):
            for sample in MEMBERS[task][split]:
                put(root / parts[split] / f"{sample}.txt", labels(task))
        tests = MEMBERS[task]["test"]
        put(root / parts["list"], "".join(f"{sample}\n" for sample in tests))
        put(root / parts["template"], template(task, *tests))
    settings = {
        "source": "folders",
        "crops": None,
        "unscored": [],
        "edition": "other",
        "max_row_difference": 60,
        "on_unreadable": "stop",
        "sound_track": "default",
    }
    return CorpusConfig(**settings | {key: str(root / name) for key, name in FOLDERS.items()} | changes)


def labels(task: TaskName, *lines: str, n_rows: int = N_FRAMES) -> str:
    """A label file of `n_rows` rows whose first are `lines`."""
    return "\n".join([TASKS[task].label_header, *lines, *[VALUES[task]] * (n_rows - len(lines)), ""])


def template(task: TaskName, *samples: str) -> str:
    """A template with `N_FRAMES` rows of each sample."""
    rows = [f"{sample}/{k:05d}.jpg," for sample in samples for k in range(1, N_FRAMES + 1)]
    return "\n".join([TASKS[task].header, *rows, ""])


def put(path: Path, text: str | bytes) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
