"""What the parts of AffWild2 are called and where they lie, in every edition of the challenge from the 3rd to the 10th.

Folders and files were renamed between editions, and participants rename them too. Each part is found by the forms of
its name, in any case of its letters; two of one part are never chosen between, they are a `UserError`.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from abaw.running.errors import UserError
from abaw.tasks import TASKS, Split, TaskName

VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mts", ".m2ts", ".ts", ".wmv", ".3gp", ".mpg", ".vob", ".flv"),
    *(
        ".3g2",
        ".asf",
        ".divx",
        ".dv",
        ".f4v",
        ".gxf",
        ".ivf",
        ".m2t",
        ".m2v",
        ".mk3d",
        ".mod",
        ".mpe",
        ".mpeg",
    ),
    *(".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".trp", ".wtv"),
)
"""What a video's name may end in, in any case of its letters: the containers of `abaw.media.container.FORMATS`."""
LONGEST_NAME_BYTES = 200
"""A file system's 255 bytes, less what stages put around the name of a video or a track."""
SPLIT_FOLDERS: dict[Split, str] = {"train": "Train_Set", "val": "Validation_Set"}
_SPLITS: dict[str, Split] = {
    **dict.fromkeys(("train_set", "training_set", "train", "training"), "train"),
    **dict.fromkeys(("validation_set", "val_set", "validation", "validate", "valid", "val"), "val"),
}
_ID = re.compile(r"[^/\\,\"\s.{}][^/\\,\"\s{}]*")


def files_under(root: Path, suffixes: Sequence[str] = ()) -> Iterator[Path]:
    """The files in a folder and its subfolders, through links too; hidden ones and macOS's leftovers are passed over.

    With `suffixes`, in lower case, only files that end so. Raises `UserError` for a folder that may not be read, for
    a link that leads nowhere or back into a folder that holds it, and for what is neither a file nor a folder.
    """
    for folder, subfolders, names in os.walk(root, onerror=_refuse_folder, followlinks=True):
        here = Path(folder)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        for link in (here / name for name in subfolders):
            if leads_round(link):
                raise UserError(f"{link} is a link to a folder that holds it, a circle; remove the link")
        for path in (here / name for name in sorted(names) if not name.startswith(".")):
            if suffixes and path.suffix.lower() not in suffixes:
                continue
            if path.is_symlink() and not path.exists():
                raise UserError(f"{path} is a link that leads to no file; remove it, or link it to where the file lies")
            if not path.is_file():  # to read it could take for ever
                raise UserError(f"{path} is a pipe, a device or a socket, expected a file; remove it")
            yield path


def leads_round(folder: Path) -> bool:
    """Whether a folder is a link into which the way to it leads back, by whatever links were followed."""
    return folder.is_symlink() and any(holds.resolve().is_relative_to(folder.resolve()) for holds in folder.parents)


def label_files(root: Path, paths: Iterable[Path], task: TaskName) -> Iterator[tuple[Split, Path]]:
    """The label files of a challenge with their splits; the challenge's folder may lie at any depth under `root`.

    Raises `UserError` where two folders are the challenge's or one split's, where a split has no label file, and for a
    file among them that is none.
    """
    found = [(split, path) for path in paths if path.is_relative_to(root) and (split := _split_of(path, task))]
    what = f"folders of {task}"
    _only_one(what, {path.parent.parent for _, path in found})
    for split, name in SPLIT_FOLDERS.items():
        folders = {path.parent for this, path in found if this == split}
        if not folders:
            raise UserError(
                f"no track was found in the {split} split of {task}: {root} holds no label file such as "
                f"{TASKS[task].folder}/{name}/NAME.txt; set corpus.annotations to the folder of the annotations"
            )
        _only_one(f"{what}'s {split} split", folders)
    for _, path in found:
        if path.suffix.lower() != ".txt":
            raise UserError(f"{path} lies among the label files but is none (NAME.txt); move it elsewhere")
    yield from found


def video_files(root: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """The videos under `root`, in any subfolders."""
    return (path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES and path.is_relative_to(root))


def ids_of(root: Path, together: Sequence[Path]) -> list[str]:
    """The ids of videos of one name: the name for one; else with the suffix, the folders, or both, as tells them apart.

    >>> ids_of(Path("v"), [Path("v/a.mp4"), Path("v/a.MOV")])
    ['a.mp4', 'a.MOV']
    >>> ids_of(Path("v"), [Path("v/x/a.mp4"), Path("v/y/a.mp4")])
    ['x-a', 'y-a']
    """
    inside = [path.relative_to(root) for path in together]
    forms = (
        [path.stem for path in inside],
        [path.name for path in inside],
        ["-".join(path.with_suffix("").parts) for path in inside],
        ["-".join(path.parts) for path in inside],
    )
    return next((ids for ids in forms if len(set(ids)) == len(ids)), forms[-1])


def find_test_list(root: Path, paths: Iterable[Path], task: TaskName) -> Path:
    """The list of a challenge's test names under `root`; `UserError` where there is none or more than one."""
    form = re.compile(TASKS[task].list_form)
    found = [path for path in paths if path.is_relative_to(root) and form.fullmatch(path.name.lower())]
    return _exactly_one(
        root, found, f"corpus.test_lists must hold exactly one list of {task}, such as {TASKS[task].test_list}"
    )


def find_template(root: Path, paths: Iterable[Path], task: TaskName) -> Path:
    """The submission template of a challenge under `root`; `UserError` where there is none or more than one."""
    form = re.compile(rf"(.+_)?{task}_test_set_(sample|example)\.txt")
    found = [path for path in paths if path.is_relative_to(root) and form.fullmatch(path.name.lower())]
    endings = " or ".join(f"{task}_test_set_{kind}.txt" for kind in ("sample", "example"))
    return _exactly_one(
        root,
        found,
        f"corpus.templates must hold exactly one template of {task}, a file whose name ends in {endings} (in any case)",
    )


def refuse_name(name: str, where: str) -> None:
    """Raise `UserError` where `name` cannot be an id: neither a template nor a path could carry it."""
    where = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in where)
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise UserError(f"{where}: the name {name!r} is not in UTF-8; rename the file") from error
    if length > LONGEST_NAME_BYTES:
        raise UserError(
            f"{where}: the name {name[:20]}... has {length} bytes, of which a file system takes no more than "
            f"{LONGEST_NAME_BYTES} beside what is put around it; rename the files and the entries in the lists"
        )
    if not _ID.fullmatch(name):
        raise UserError(
            f"{where}: {name!r} cannot be the name of a track or a video, which has no blank, comma, double quote, "
            "slash or brace and does not begin with a point; rename the files and the entries in the lists"
        )


def _split_of(path: Path, task: TaskName) -> Split | None:
    inside = re.fullmatch(TASKS[task].folder_form, path.parent.parent.name.lower())
    return _SPLITS.get(path.parent.name.lower()) if inside else None


def _only_one(what: str, folders: Iterable[Path]) -> None:
    several = sorted(map(str, folders))
    if len(several) > 1:
        raise UserError(f"{' and '.join(several)} are two {what}; keep one of them")


def _exactly_one(root: Path, found: Sequence[Path], rule: str) -> Path:
    if len(found) != 1:
        holds = "none" if not found else " and ".join(str(path.relative_to(root)) for path in found)
        raise UserError(f"{rule}; {root} holds {holds}")
    return found[0]


def _refuse_folder(error: OSError) -> None:
    raise UserError(f"the folder {error.filename} cannot be read ({error.strerror}); give yourself the right to it")
