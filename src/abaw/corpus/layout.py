"""Which tracks a corpus holds and where their files lie, from file names and test lists alone: nothing is decoded.

The form is AffWild2's (paper §3.1): videos in any subfolders, one label file per track and challenge in the folders of
the splits, lists of test names, and submission templates; `abaw.corpus.names` knows what they are called. It is cheap,
so that Snakemake can ask while it plans.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Literal

from abaw.config import CorpusConfig
from abaw.corpus.names import (
    VIDEO_SUFFIXES,
    files_under,
    find_template,
    find_test_list,
    ids_of,
    label_files,
    refuse_name,
    video_files,
)
from abaw.media.video import probe
from abaw.running.errors import Mistakes, UserError
from abaw.tasks import SPLITS, TASKS, Split, TaskName

Side = Literal["left", "right"]

WITHOUT_TRACKS = frozenset(str(number) for block in ((451, 461), (471, 476), (481, 486)) for number in range(*block))
"""The twenty videos of AffWild2 that no challenge names."""


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
class Skipped:
    """A track that `corpus.on_unreadable: skip` leaves out of everything, and why its video cannot be read."""

    track: Track
    reason: str


@dataclass(frozen=True)
class Layout:
    """All tracks in the order of their names, and the submission template and the test list of each challenge."""

    tracks: tuple[Track, ...]
    templates: Mapping[TaskName, Path]
    test_lists: Mapping[TaskName, Path]
    skipped: tuple[Skipped, ...] = ()

    def videos(self) -> dict[str, tuple[Track, ...]]:
        """The tracks of each video, videos in the order of their names."""
        by_video: dict[str, list[Track]] = defaultdict(list)
        for track in self.tracks:
            by_video[track.video].append(track)
        return {video: tuple(by_video[video]) for video in sorted(by_video)}

    def samples(self) -> set[str]:
        """The names of all tracks, also of those whose videos cannot be read."""
        return {track.sample for track in self.tracks} | {skip.track.sample for skip in self.skipped}

    def tracks_of(self, task: TaskName, split: Split) -> list[Track]:
        """The tracks in `split` of `task`."""
        return [track for track in self.tracks if track.splits.get(task) == split]

    def videos_of(self, task: TaskName, split: Split) -> list[str]:
        """The videos that have a track in `split` of `task`."""
        return sorted({track.video for track in self.tracks_of(task, split)})

    def row_files(self, task: TaskName, split: Split) -> list[str]:
        """The files that say which rows a split has: label files, or the template and the list of names."""
        if split == "test":
            return [str(self.templates[task]), str(self.test_lists[task])]
        return [str(track.labels[task]) for track in self.tracks_of(task, split)]

    def skipped_of(self, task: TaskName, split: Split) -> list[str]:
        """The samples of `split` of `task` whose video cannot be read."""
        return [skip.track.sample for skip in self.skipped if skip.track.splits.get(task) == split]


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
    """Read the layout of a corpus that lies on the disk, without the unreadable videos where they are to be skipped.

    Raises one `UserError` with a sentence for everything that is missing, said twice or in contradiction.
    """
    mistakes = Mistakes()
    files: list[Path] = []
    for key in ("videos", "annotations", "test_lists", "templates"):
        folder = Path(getattr(corpus, key))
        with mistakes.kept():
            if not folder.is_dir():
                raise UserError(
                    f"corpus.{key} is {str(folder)!r}, which is not a folder; set it to where the {key} lie"
                )
            files.extend(files_under(folder, VIDEO_SUFFIXES if key == "videos" else ()))
    mistakes.tell()
    layout = build_layout(corpus, files, lambda task, path: read_test_list(path))
    return without_unreadable(layout) if corpus.on_unreadable == "skip" else layout


def read_test_list(path: Path) -> list[str]:
    """The names in a `*_test_set_release.txt`: one a line, blank lines left out; `UserError` for a repeated name."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the list of test names {path} cannot be read: {error}") from error
    numbers: dict[str, int] = {}
    for number, name in enumerate((line.strip() for line in lines), start=1):
        if name in numbers:
            raise UserError(
                f"{path}, line {number}: names {name!r} more than once, first on line {numbers[name]}; each test name "
                "must stand on one line"
            )
        if name:
            refuse_name(name, f"{path}, line {number}")
            numbers[name] = number
    return list(numbers)


def build_layout(
    corpus: CorpusConfig, files: Iterable[Path], test_names: Callable[[TaskName, Path], Sequence[str]]
) -> Layout:
    """Put a layout together from the paths of a corpus's files and the names in each test list.

    Raises one `UserError` with a sentence for each track without a video, video without a track, track in two splits
    of one challenge, raw video whose tracks are, track of a name that two videos share, and list or
    template that is missing or there twice.
    """
    mistakes, paths = Mistakes(), sorted(set(files))
    members = _read_members(corpus, paths, test_names, mistakes)
    videos, doubles = _videos_by_id(Path(corpus.videos), paths, mistakes)
    tracks = []
    for sample in sorted(members.splits):
        with mistakes.kept():
            tracks.append(_track(sample, members, videos, doubles, corpus.videos))
    layout = Layout(tuple(tracks), members.templates, members.test_lists)
    for video, together in layout.videos().items():
        with mistakes.kept():
            _refuse_leak(video, together)
    mistakes.tell()  # now, since a list that cannot be read makes strangers of its videos
    for video in sorted(videos.keys() - layout.videos().keys()):
        with mistakes.kept():
            _refuse_stranger(video, videos[video], corpus)
    mistakes.tell()
    return layout


def without_unreadable(layout: Layout) -> Layout:
    """The layout without the tracks of videos that `probe` refuses; `UserError` where a split would lose them all."""
    reasons: dict[str, str] = {}
    for video, tracks in layout.videos().items():
        try:
            probe(tracks[0].path)
        except UserError as error:
            reasons[video] = str(error)
    skipped = tuple(Skipped(track, reasons[track.video]) for track in layout.tracks if track.video in reasons)
    left = replace(layout, tracks=tuple(t for t in layout.tracks if t.video not in reasons), skipped=skipped)
    for task, split in product(TASKS, SPLITS):
        if layout.tracks_of(task, split) and not left.tracks_of(task, split):
            first = reasons[layout.tracks_of(task, split)[0].video]
            raise UserError(f"no video in the {split} split of {task} can be read; the first: {first}")
    return left


@dataclass
class _Members:
    """What label files and lists say: the split and the label file of each sample, list and template, by challenge."""

    splits: dict[str, dict[TaskName, Split]] = field(default_factory=lambda: defaultdict(dict))
    labels: dict[str, dict[TaskName, Path]] = field(default_factory=lambda: defaultdict(dict))
    test_lists: dict[TaskName, Path] = field(default_factory=dict)
    templates: dict[TaskName, Path] = field(default_factory=dict)

    def enter(self, sample: str, task: TaskName, split: Split, where: Path) -> None:
        """Put a sample, named by a label file or a test list, into a split."""
        refuse_name(sample, str(where))
        before = self.splits[sample].setdefault(task, split)
        if before != split:
            raise UserError(
                f"{where}: the track {sample!r} is in both the {before} and the {split} split of {task}; it must be in "
                "one"
            )
        if split != "test":
            other = self.labels[sample].setdefault(task, where)
            if other != where:
                raise UserError(f"{other} and {where} are two label files of one track; keep one of them")


def _read_members(
    corpus: CorpusConfig,
    paths: Sequence[Path],
    test_names: Callable[[TaskName, Path], Sequence[str]],
    mistakes: Mistakes,
) -> _Members:
    members = _Members()
    for task in TASKS:
        with mistakes.kept():
            for split, path in label_files(Path(corpus.annotations), paths, task):
                with mistakes.kept():
                    members.enter(path.stem, task, split, path)
        with mistakes.kept():
            members.test_lists[task] = find_test_list(Path(corpus.test_lists), paths, task)
            for name in test_names(task, members.test_lists[task]):
                with mistakes.kept():
                    members.enter(name, task, "test", members.test_lists[task])
        with mistakes.kept():
            members.templates[task] = find_template(Path(corpus.templates), paths, task)
    return members


def _videos_by_id(
    root: Path, paths: Iterable[Path], mistakes: Mistakes
) -> tuple[dict[str, Path], dict[str, list[str]]]:
    """The videos by their ids, and the ids of those that share a name: theirs have the suffix, the folders, or both."""
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in video_files(root, paths):
        by_name[path.stem].append(path)
    videos: dict[str, Path] = {}
    doubles: dict[str, list[str]] = {}
    for name, together in by_name.items():
        ids = ids_of(root, together)
        if len(together) > 1:
            doubles[name] = ids
        for video, path in zip(ids, together, strict=True):
            with mistakes.kept():
                refuse_name(video, str(path))
                if videos.setdefault(video, path) != path:
                    raise UserError(f"{videos[video]} and {path} would both be called {video!r}; rename one of them")
    return videos, doubles


def _track(
    sample: str, members: _Members, videos: Mapping[str, Path], doubles: Mapping[str, Sequence[str]], root: str
) -> Track:
    """A video that has the suffix in its own name is a cut that shows one person, so that no side is left to choose."""
    video = video_of(sample) if video_of(sample) in videos else sample
    if video not in videos:
        for name in (video_of(sample), sample):
            if name in doubles:
                several = " and ".join(str(videos[one]) for one in doubles[name] if one in videos)
                raise UserError(
                    f"{several} are two videos of one name, and the track {sample!r} could be of either; keep one of "
                    f"them, or call their tracks {' and '.join(doubles[name])} in label files and lists"
                )
        raise UserError(
            f"the track {sample!r} has no video: {root} holds no file {video_of(sample)}.mp4, nor one that ends in "
            f"{', '.join(VIDEO_SUFFIXES[1:6])} or another container's suffix; copy it there, or remove the track from "
            f"{' and '.join(map(str, members.labels[sample].values())) or 'the test list'}"
        )
    side = _side(sample, members.splits) if video != sample or not side_of(sample) else None
    return Track(sample, video, videos[video], side, members.splits[sample], members.labels[sample])


def _side(sample: str, samples: Collection[str]) -> Side | None:
    """A track without a suffix sits opposite its suffixed sibling (`video2` beside `video2_left`)."""
    if side_of(sample):
        return side_of(sample)
    if f"{sample}_left" in samples:
        return "right"
    return "left" if f"{sample}_right" in samples else None


def _refuse_stranger(video: str, path: Path, corpus: CorpusConfig) -> None:
    if corpus.edition == "affwild2" and video in WITHOUT_TRACKS:
        return
    raise UserError(
        f"the video {path} has no track: no label file and no test list names {video!r}; add one, or move the video "
        "out of corpus.videos"
    )


def _refuse_leak(video: str, tracks: Sequence[Track]) -> None:
    """The people of one video must stay in one split of a challenge: the model would be tested on what it has seen."""
    if len(tracks) > 2:
        names = ", ".join(track.sample for track in tracks)
        raise UserError(f"the video {tracks[0].path} has {len(tracks)} tracks ({names}); at most two can be told apart")
    for task in TASKS:
        found = {track.splits[task]: track.sample for track in tracks if task in track.splits}
        if len(found) > 1:
            where = " and ".join(f"{sample!r} in {split}" for split, sample in found.items())
            raise UserError(
                f"the video {video!r} leaks between the splits of {task}: {where}; put all tracks of a video into one"
            )
