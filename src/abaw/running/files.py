"""Paths that a user names, outputs that appear whole or not at all, and folders that one run at a time writes in."""

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir
from typing import IO

from abaw.running.errors import UserError


def whole_path(path: str | os.PathLike[str]) -> Path:
    """The whole path of what the user names, of which nothing need be there; `UserError` where it cannot be a path."""
    try:
        found = Path(path).expanduser().resolve()
        found.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, out of reach; a circle of links, nobody's home; \0
        reason = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        name = str(path) if len(str(path)) < 200 else f"{str(path)[:100]}..."
        raise UserError(f"{name!r} leads nowhere on this machine ({reason}); give another path") from error
    return found


@contextmanager
def named_scratch() -> Iterator[None]:
    """In this an OSError of a file without a name, such as one of a full disk, names the folder of scratch files."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, gettempdir()) from error


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it to `path` when the block ends well, remove it when it does not.

    The suffix is kept, so that writers which choose a format by suffix work. The data are synced to the disk before the
    rename: after a crash there is either the whole file or none, and what a killed process left beside it is removed by
    the next one. Raises `UserError` where the folder cannot be written in, or the disk is full, which some libraries
    say in words of their own and some not at all.
    """
    final = Path(path)
    beside = final.with_name(f".{final.stem}.{os.getpid()}.part{final.suffix}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(final)
        yield beside
        with beside.open("rb") as handle:
            os.fsync(handle.fileno())
        if _is_full(final.parent):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        beside.replace(final)
    except UserError:
        raise
    except Exception as error:
        if sentence := _why_not_written(error, final):
            raise UserError(sentence) from error
        raise
    finally:
        with suppress(OSError):  # the error that ended the block says more
            beside.unlink(missing_ok=True)


def _remove_leftovers(final: Path) -> None:
    name = re.compile(rf"\.{re.escape(final.stem)}\.\d+\.part{re.escape(final.suffix)}")
    for path in final.parent.iterdir():
        if name.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _why_not_written(error: Exception, final: Path) -> str | None:
    folder = next(parent for parent in final.absolute().parents if parent.is_dir())
    if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or _is_full(folder):
        return f"{final} cannot be written, for the disk is full; make room and run the same command again"
    if isinstance(error, NotADirectoryError | FileExistsError) and folder != final.absolute().parent:
        file = next(parent for parent in final.absolute().parents if parent.parent == folder)
        return f"{final} cannot be written, for {file} is no folder; name another, or move that away"
    if not os.access(folder, os.W_OK):
        return (
            f"{final} cannot be written, for {folder} is read-only or not yours; give yourself the right to write "
            "there, or run in another folder"
        )
    return None


def _is_full(folder: Path) -> bool:
    """Not a block is left; False where the file system does not say how many it has."""
    found = os.statvfs(folder)
    return found.f_blocks > 0 and found.f_bavail == 0


def check_room(folder: str | os.PathLike[str], least_mb: int) -> None:
    """Raise `UserError` where the folder cannot be written in, or its disk has less than `least_mb` megabytes left."""
    path = Path(folder).absolute()
    if not os.access(path, os.W_OK):
        raise UserError(
            f"{path} is read-only or not yours; give yourself the right to write there, or run in another folder"
        )
    left_mb = shutil.disk_usage(path).free / 1e6
    if left_mb < least_mb:
        raise UserError(
            f"the disk of {path} has {left_mb:.1f} MB left, a run needs {least_mb} MB to begin and far more for its "
            "results; make room and run the same command again"
        )


def lock_folder(folder: str | os.PathLike[str]) -> IO[str]:
    """Take the folder for this process; keep the returned handle open for as long as it is needed.

    The system lets go of the lock when the process ends, however it ends, so a killed run leaves none behind. Raises
    `UserError` where another process holds it.
    """
    path = Path(folder) / "abaw.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        raise UserError(
            f"another run is writing in {Path(folder).resolve().parent} (process {handle.read().strip() or '?'}); "
            "wait until it has ended, or end it"
        ) from error
    with suppress(OSError):  # on a full disk the sentence above goes without a number
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
    return handle
