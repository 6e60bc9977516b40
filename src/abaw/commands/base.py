"""What every command shares: one parser with settings as JSON, and errors as sentences."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TypeVar

from abaw.running.endings import OUT_OF_MEMORY, OUT_OF_TIME
from abaw.running.errors import UserError
from abaw.tasks import TASKS, task_named

if TYPE_CHECKING:
    from pydantic import BaseModel

Settings = TypeVar("Settings", bound="BaseModel")

_NO_MEMORY = ("out of memory", "allocate memory", "insufficient memory", "bad_alloc", "terminated abruptly")
"""What those say that have no `MemoryError`: torch, OpenCV, the loader of libraries, C++, a pool of processes."""


def parser(doc: str | None) -> argparse.ArgumentParser:
    """An argument parser whose help is the script's docstring."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_task(arguments: argparse.ArgumentParser) -> None:
    """Take `--task`, a challenge or a fold of one, which counts as the challenge itself."""
    arguments.add_argument("--task", type=task_named, choices=TASKS, required=True)


def settings_from(model: type[Settings]) -> Callable[[str], Settings]:
    """An argparse type that reads one section of the config, given as JSON."""
    from pydantic import ValidationError  # which Spleeter's environment, where no settings are read, does not have

    def read(text: str) -> Settings:
        try:
            return model.model_validate_json(text)
        except ValidationError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def run(main: Callable[[], None]) -> None:
    """Run a command; what the user can mend ends it with a sentence and exit code 1, without a traceback.

    That is a `UserError`, too little memory or disk, and a signal that asks it to end, as a cluster sends at the end
    of a job's time: what it was writing is removed first.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGXCPU):
        signal.signal(number, _end)
    try:
        _without_pandas()
        main()
    except Exception as error:
        if sentence := _sentence(error):
            if _in_a_team():  # in one go, for the others write to the same log
                sys.stderr.write(f"error: {sentence}\n")
                sys.exit(1)
            sys.exit(f"error: {sentence}")
        raise


def _without_pandas() -> None:
    """Keep pyarrow from loading pandas, which it does once, for its first array: a command makes no data frames."""
    if "pyarrow" not in sys.modules or "pandas" in sys.modules:
        return
    import pyarrow as pa

    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ImportError("pandas is not wanted now", name=fullname)


def _in_a_team() -> bool:
    """Whether this is one of several processes that `abaw.commands.cards` has started."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def _sentence(error: Exception) -> str | None:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY):
        return (
            f"{OUT_OF_MEMORY} ({error}); give the job more (resources: mem_mb), run fewer side by side "
            "(--cores), or give smaller batches in the configuration; then run the same command again"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error}); make room and run the same command again"
    return None


def out_of_time(number: int) -> str:
    """The last words of a command that was asked to end by a signal."""
    return (
        f"error: {OUT_OF_TIME} ({signal.Signals(number).name}) before it was done, as at the end of its "
        "time; run the same command again, a training goes on after its last epoch; or give the job more time first "
        "(resources: runtime)"
    )


def _end(number: int, frame: FrameType | None) -> NoReturn:
    if _in_a_team():  # who has started them says why they end
        sys.exit(128 + number)
    sys.exit(out_of_time(number))
