"""Outputs that appear whole or not at all, and folders that one run at a time writes in."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from abaw.errors import UserError


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it to `path` when the block ends well, remove it when it does not.

    The suffix is kept, so that writers which choose a format by suffix work. The data are synced to the disk before the
    rename: after a crash there is either the whole file or none.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    beside = final.with_name(f".{final.stem}.{os.getpid()}.part{final.suffix}")
    try:
        yield beside
        with beside.open("rb") as handle:
            os.fsync(handle.fileno())
        beside.replace(final)
    finally:
        beside.unlink(missing_ok=True)


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
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle
