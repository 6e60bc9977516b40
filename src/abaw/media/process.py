"""Asking the decoder's process: foreign bytes meet C code there, and its death is a sentence about the video.

The process has no network where the system allows that, bounded memory, and a bound on how long it may be silent. It
is kept for the next request when it has answered one to the end; one that is left in the middle is killed.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import abaw
from abaw.media.confined import MEMORY_BYTES
from abaw.media.shelf import HEAD_BYTES, Shelf
from abaw.running.errors import BrokenVideoError, UserError

if TYPE_CHECKING:
    from abaw.media import decoder  # noqa: F401 - a job's digest knows by it what its decoder's process runs

PATIENCE_S = 60.0
"""How long a decoder may read no packet and give no picture before it counts as hanging."""
_DECODER = "abaw.media.decoder"
_SOURCE = Path(abaw.__file__).parents[1]
_PIPE_BYTES = 1 << 20
"""As much as Linux gives to anyone: a picture for which the shelf has no room is handed over in few pieces."""
_SPARING = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_KEEPING = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
"""Freed memory stays with the process, for glibc: else each picture's is cleared anew, a sixth of decoding 720p."""
_idle: list["_Worker"] = []

Body = bytearray | NDArray[np.uint8]


class DecoderDiedError(UserError):
    """The process that decoded a video ended, or had to be ended, before it had answered, for a `reason`."""

    def __init__(self, path: str | PathLike[str], reason: str) -> None:
        super().__init__(f"{path} cannot be decoded: {reason}; copy it again, or convert it to MP4")
        self.reason = reason


@contextmanager
def understood(path: str | PathLike[str]) -> Iterator[None]:
    """Raise `DecoderDiedError` where an answer is none, as from a decoder that a video has taken over."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise DecoderDiedError(path, f"its decoder gives an answer that is none ({error})") from error


def asked(do: str, path: str | PathLike[str], **request: object) -> Iterator[tuple[dict[str, Any], Body]]:
    """Yield the answers to a request: a head, and bytes.

    Raises what reading the video raises, and `DecoderDiedError` where the process dies of it or hangs.
    """
    _refuse_unreadable(path)
    worker = _idle_worker() or _Worker()
    finished = False
    try:
        worker.ask({"do": do, "path": os.fspath(path), "folder": str(Path.cwd()), **request})
        while (answer := worker.answer(path)) is not None:
            yield answer
        finished = True
    except DecoderDiedError:
        raise
    except UserError:
        finished = True
        raise
    finally:
        if finished:
            _idle.append(worker)
        else:
            worker.end()


def _refuse_unreadable(path: str | PathLike[str]) -> None:
    if not Path(path).is_file():
        raise UserError(f"there is no video file {path}; check the folder of the videos and the name")
    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give yourself the right to it") from error


def environment() -> dict[str, str]:
    """Of a process that finds this package, and computes on one thread but for what it is told."""
    paths = [str(_SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **_SPARING, **_KEEPING}


def why_ended(code: int, said: str) -> str:
    """How a process ended, in words: by its return code, and the last line that it said."""
    if code == -signal.SIGKILL:
        return "it was killed, most likely for want of memory"
    if "MemoryError" in said:
        return f"it wanted more than {MEMORY_BYTES / 1e9:.0f} GB of memory"
    with suppress(ValueError):
        return f"it ended by {signal.Signals(-code).name}"
    last = said.strip().splitlines()
    return f"it ended with {last[-1]}" if last else f"it ended with code {code}"


class _Worker:
    """A decoder's process, and what it has said so far."""

    def __init__(self) -> None:
        self._owner = os.getpid()  # a forked process has no part in it
        self._said = TemporaryFile()  # noqa: SIM115 - closed in `end`
        self._shelf = Shelf()
        command = [sys.executable, "-P", "-m", _DECODER, *map(str, self._shelf.inherited)]
        self._process = subprocess.Popen(
            command,
            env=environment(),
            bufsize=0,
            pipesize=_PIPE_BYTES,
            pass_fds=self._shelf.inherited,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        self._shelf.close_inherited()

    @property
    def is_alive(self) -> bool:
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, request: dict[str, object]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # its death shows when it does not answer
            self._process.stdin.write(json.dumps(request).encode() + b"\n")

    def answer(self, path: str | PathLike[str]) -> tuple[dict[str, Any], Body] | None:
        """The next answer, None after the last."""
        with understood(path):
            while True:
                head = json.loads(self._bytes(path, int.from_bytes(self._bytes(path, HEAD_BYTES), "big")))
                if "answer" in head:
                    return head["answer"], self._body(path, head["size"], head["place"])
                if "error" in head:
                    raise (BrokenVideoError if head["is_broken"] else UserError)(head["error"])
                if "done" in head:
                    return None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            if pipe is not None:
                pipe.close()

    def _body(self, path: str | PathLike[str], size: int, place: int | None) -> Body:
        if place is not None:
            return self._shelf.taken(place, size)
        if size > MEMORY_BYTES:
            raise ValueError(f"{size} bytes are more than it may have")
        return self._bytes(path, size)

    def _bytes(self, path: str | PathLike[str], size: int) -> bytearray:
        assert self._process.stdout is not None
        data = bytearray(size)
        left = memoryview(data)
        while left:
            if not select.select([self._process.stdout], [], [], PATIENCE_S)[0]:
                raise DecoderDiedError(path, f"its decoder is busy for {PATIENCE_S:.0f} s without a picture")
            count = os.readv(self._process.stdout.fileno(), [left])
            if not count:
                raise DecoderDiedError(path, self._epitaph())
            left = left[count:]
        return data

    def _epitaph(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace")
        return f"the process that decoded it is gone, for {why_ended(code, said)}"


def _idle_worker() -> _Worker | None:
    while _idle:
        worker = _idle.pop()
        if worker.is_alive:
            return worker
    return None
