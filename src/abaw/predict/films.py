"""The videos of a folder, by any name, and the ids under which their results lie."""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from abaw.corpus.names import VIDEO_SUFFIXES, ids_of, leads_round
from abaw.media.video import probe
from abaw.running.errors import UserError

RESERVED = frozenset({"index.html", "summary.csv", "failed.csv"})
"""What lies beside the videos' folders."""
OF_RESULTS = frozenset({"frames.parquet", "metadata.json"})
"""What lies in the folder of a video's results, which may lie among the videos themselves."""
LONGEST_ID_BYTES = 120
_NOT_WATCHED = re.compile(r"[{\n]")
_UNFIT = re.compile(r"[\s/\\,\"'{}<>&|;*?$`:#%\[\]]|[^\w.+=@~()!-]")


@dataclass(frozen=True)
class Failed:
    """A video that cannot be read: its id, its path, and a sentence."""

    film: str
    path: Path
    reason: str


@dataclass(frozen=True)
class Films:
    """Videos by id, those that cannot be read and the folders that cannot, and how many other files lie among them."""

    paths: dict[str, Path]
    failed: tuple[Failed, ...] = ()
    others: int = 0

    def watched(self, film: str) -> list[str]:
        """The file of a video as an input of Snakemake, which has its own mind on braces and line breaks: then none."""
        path = str(self.paths[film])
        return [] if _NOT_WATCHED.search(path) else [path]

    def size_bytes(self, film: str) -> int:
        """The video's size."""
        return self.paths[film].stat().st_size

    def stamp(self, film: str) -> str:
        """What else tells that a video is another: its size in bytes, for Snakemake overlooks one of an older date.

        Of one that is not `watched` it is the time in ns as well.
        """
        size = str(self.size_bytes(film))
        return size if self.watched(film) else f"{size} {self.paths[film].stat().st_mtime_ns}"


def find_films(source: Path) -> Films:
    """The videos in a folder and its subfolders, through links too, or the one that `source` is; none is opened.

    A video's id is its name without the suffix, with `_` for what neither a path nor a table should carry; of equal
    names it has the suffix, the folders, or a number, as `abaw.corpus` gives it. Hidden files are passed over,
    and what predict has made of a video: with everything drawn in it is no other video. A subfolder that cannot be read
    is a failure of its own. Raises `UserError` where there is no video.
    """
    if source.is_file():
        return Films(_by_id(source.parent, [source]))
    if not source.is_dir():
        raise UserError(f"predict.videos is {str(source)!r}, which is neither a folder nor a video")
    paths, others, refused = [], 0, list[OSError]()
    for folder, subfolders, names in os.walk(source, onerror=refused.append, followlinks=True):
        here = Path(folder)
        if set(names) >= OF_RESULTS:
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and not leads_round(here / name))
        for name in sorted(names):
            if not name.startswith("."):
                is_video = Path(name).suffix.lower() in VIDEO_SUFFIXES
                paths += [here / name] if is_video else []
                others += not is_video
    found = _by_id(source, paths)
    held = {name.casefold() for name in found}
    failed = tuple(_refused(Path(error.filename), error, held) for error in refused)
    if not paths:
        none = f"{source} holds no video: no file in it ends in {', '.join(VIDEO_SUFFIXES[:6])} or the like"
        raise UserError("\n".join(one.reason for one in failed) or none)
    return Films(found, failed, others)


def readable(films: Films) -> Films:
    """The videos that `abaw.media.video.probe` can read, and the others with what stands against each of them."""
    failed = list(films.failed)
    for film, path in films.paths.items():
        try:
            os.fspath(path).encode()
            probe(path)
        except UnicodeEncodeError:
            failed.append(Failed(film, path, f"{str(path)!r} is not in UTF-8; rename the file, or its folder"))
        except UserError as error:
            failed.append(Failed(film, path, str(error)))
    bad = {one.film for one in failed}
    return Films({film: path for film, path in films.paths.items() if film not in bad}, tuple(failed), films.others)


def _refused(folder: Path, error: OSError, held: set[str]) -> Failed:
    reason = f"the folder {folder} cannot be read ({error.strerror}); give yourself the right to it"
    return Failed(_free(_fit(folder.name), held), folder, reason)


def _by_id(root: Path, paths: Iterable[Path]) -> dict[str, Path]:
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        by_name[path.stem].append(path)
    found: dict[str, Path] = {}
    held = {name.casefold() for name in RESERVED}
    for together in by_name.values():
        for name, path in zip(ids_of(root, together), together, strict=True):
            found[_free(_fit(name), held)] = path
    return dict(sorted(found.items()))


def _fit(name: str) -> str:
    """A name that a path, a shell and a table can carry, not too long."""
    fit = _UNFIT.sub("_", normalize("NFC", name))
    fit = "_" + fit[1:] if fit.startswith((".", "-")) else fit
    if len(fit.encode()) > LONGEST_ID_BYTES:
        digest = hashlib.sha256(fit.encode()).hexdigest()[:8]
        fit = f"{fit.encode()[: LONGEST_ID_BYTES - 9].decode(errors='ignore')}-{digest}"
    return fit


def _free(name: str, held: set[str]) -> str:
    """The name, or with the first number by which it is not yet `held`, in any case of its letters; then it is."""
    number, free = 1, name
    while free.casefold() in held:
        number += 1
        free = f"{name}-{number}"
    held.add(free.casefold())
    return free
