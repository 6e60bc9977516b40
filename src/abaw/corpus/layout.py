"""Which tracks a corpus holds and where their files lie, from file names and test lists alone: nothing is decoded.

The form is AffWild2's (paper §3.1): videos in any subfolders, one label file per track and challenge in `Train_Set` and
`Validation_Set`, lists of test names, and submission templates. It is cheap, so that Snakemake can ask while it plans.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from abaw.config import CorpusConfig
from abaw.errors import UserError
from abaw.tasks import Split, TaskName

Side = Literal["left", "right"]

VIDEO_SUFFIXES = (".mp4", ".avi")
CHALLENGE_FOLDERS: dict[TaskName, str] = {"va": "VA_Estimation_Challenge", "expr": "EXPR_Recognition_Challenge"}
SPLIT_FOLDERS: dict[Split, str] = {"train": "Train_Set", "val": "Validation_Set"}
TEST_LISTS: dict[TaskName, str] = {
    "va": "Valence_Arousal_Estimation_Challenge_test_set_release.txt",
    "expr": "Expression_Recognition_Challenge_test_set_release.txt",
}
TEMPLATE_ENDINGS: dict[TaskName, tuple[str, ...]] = {
    "va": ("_va_test_set_sample.txt", "_va_test_set_example.txt"),
    "expr": ("_expr_test_set_sample.txt", "_expr_test_set_example.txt"),
}


@dataclass(frozen=True)
class Track:
    """One annotated person of one video.

    `side` is where they sit among two (None where the video has one subject); `splits` and `labels` say, for each
    challenge the track belongs to, its split and, but for the test split, its label file.
    """

    sample: str
    video: str
    path: Path
    side: Side | None
    splits: Mapping[TaskName, Split] = field(default_factory=dict)
    labels: Mapping[TaskName, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """All tracks in the order of their names, and the submission template of each challenge."""

    tracks: tuple[Track, ...]
    templates: Mapping[TaskName, Path]

    def videos(self) -> dict[str, tuple[Track, ...]]:
        """The tracks of each video, videos in the order of their names."""
        by_video: dict[str, list[Track]] = defaultdict(list)
        for track in self.tracks:
            by_video[track.video].append(track)
        return {video: tuple(by_video[video]) for video in sorted(by_video)}

    def videos_of(self, task: TaskName, split: Split) -> list[str]:
        """The videos that have a track in `split` of `task`."""
        return sorted({track.video for track in self.tracks if track.splits.get(task) == split})


def side_of(sample: str) -> Side | None:
    """The side that a track's name ends in, if any."""
    if sample.endswith("_left"):
        return "left"
    return "right" if sample.endswith("_right") else None


def video_of(sample: str) -> str:
    """The name of a track's video: the sample without exactly one `_left` or `_right` at its end."""
    side = side_of(sample)
    return sample.removesuffix(f"_{side}") if side else sample


def read_folders(corpus: CorpusConfig) -> Layout:
    """Read the layout of a corpus that lies on the disk; raise `UserError` for what is missing or said twice."""
    files: list[Path] = []
    for key in ("videos", "annotations", "test_lists", "templates"):
        folder = Path(getattr(corpus, key))
        if not folder.is_dir():
            raise UserError(f"corpus.{key} is {str(folder)!r}, which is not a folder; set it to where the {key} lie")
        files.extend(path for path in folder.rglob("*") if path.is_file())
    test_names = {task: read_test_list(test_list(corpus, task)) for task in TEST_LISTS}
    return build_layout(corpus, files, test_names)


def test_list(corpus: CorpusConfig, task: TaskName) -> Path:
    """Where the names of a challenge's test tracks stand."""
    return Path(corpus.test_lists) / TEST_LISTS[task]


def read_test_list(path: Path) -> list[str]:
    """The names in a `*_test_set_release.txt`: one a line, blank lines left out; `UserError` for a repeated name."""
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the list of test names {path} cannot be read: {error}") from error
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{path} names {name!r} more than once; each test name must stand on one line")
    return names


def build_layout(corpus: CorpusConfig, files: Iterable[Path], test_names: Mapping[TaskName, Sequence[str]]) -> Layout:
    """Put a layout together from the paths of a corpus's files and its test names.

    Videos that no challenge names are left out, as AffWild2 has some. Raises `UserError` for a track without a video, a
    track in two splits of one challenge, two video files of one name, and templates that are missing or several.
    """
    paths = sorted(files)
    splits: dict[str, dict[TaskName, Split]] = defaultdict(dict)
    labels: dict[str, dict[TaskName, Path]] = defaultdict(dict)
    for task, split, path in _label_files(Path(corpus.annotations), paths):
        _enter(splits[path.stem], task, split, path.stem)
        labels[path.stem][task] = path
    for task, names in test_names.items():
        for name in names:
            _enter(splits[name], task, "test", name)
    if not splits:
        raise UserError(
            f"no track was found: {corpus.annotations} holds no label file such as "
            f"{CHALLENGE_FOLDERS['va']}/{SPLIT_FOLDERS['train']}/NAME.txt, and the test lists are empty"
        )

    video_paths = _video_files(Path(corpus.videos), paths)
    tracks = []
    for sample in sorted(splits):
        video = video_of(sample) if video_of(sample) in video_paths else sample
        if video not in video_paths:
            raise UserError(
                f"the track {sample!r} has no video: {corpus.videos} holds no file "
                f"{' or '.join(video_of(sample) + suffix for suffix in VIDEO_SUFFIXES)}"
            )
        side = _side(sample, splits.keys())
        tracks.append(Track(sample, video, video_paths[video], side, splits[sample], labels[sample]))
    return Layout(tuple(tracks), {task: _template(Path(corpus.templates), paths, task) for task in test_names})


def _enter(splits: dict[TaskName, Split], task: TaskName, split: Split, sample: str) -> None:
    if task in splits:
        raise UserError(
            f"the track {sample!r} is in both the {splits[task]} and the {split} split of {task}; it must be in one"
        )
    splits[task] = split


def _label_files(root: Path, paths: Sequence[Path]) -> Iterable[tuple[TaskName, Split, Path]]:
    for task, challenge in CHALLENGE_FOLDERS.items():
        for split, name in SPLIT_FOLDERS.items():
            folder = root / challenge / name
            for path in paths:
                if path.parent == folder and path.suffix == ".txt":
                    yield task, split, path


def _video_files(root: Path, paths: Sequence[Path]) -> dict[str, Path]:
    videos: dict[str, Path] = {}
    for path in paths:
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_relative_to(root):
            if path.stem in videos:
                raise UserError(f"{videos[path.stem]} and {path} are two videos of one name; keep one of them")
            videos[path.stem] = path
    return videos


def _template(root: Path, paths: Sequence[Path], task: TaskName) -> Path:
    endings = TEMPLATE_ENDINGS[task]
    found = [path for path in paths if path.is_relative_to(root) and path.name.lower().endswith(endings)]
    if len(found) != 1:
        what = "holds none" if not found else "holds " + " and ".join(path.name for path in found)
        raise UserError(
            f"corpus.templates must hold exactly one template of {task}, a file whose name ends in "
            f"{' or '.join(endings)} (in any case); {root} {what}"
        )
    return found[0]


def _side(sample: str, samples: Iterable[str]) -> Side | None:
    """A track without a suffix sits opposite its suffixed sibling (`video2` beside `video2_left`)."""
    if side_of(sample):
        return side_of(sample)
    if f"{sample}_left" in samples:
        return "right"
    return "left" if f"{sample}_right" in samples else None
