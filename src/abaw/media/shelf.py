"""Memory that the decoder's process shares with who asks it: a picture is laid there once, and goes through no pipe.

The decoder lays a picture where there is room and says where. Who asks says when it has heard so, reads the picture
there, and gives its place back when nobody has it any more. The decoder is a few pictures ahead of that. Where there is
no room, as for many pictures or very large ones, pictures come through the pipe.
"""

import fcntl
import mmap
import os
import struct
import weakref
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.typing import NDArray

HEAD_BYTES = 4
"""An answer through the pipe is the length of its head in so many bytes, the head, and the bytes that it announces,
unless it says their `place` on the shelf."""
SHELF_BYTES = 128 << 20
"""Room for 48 pictures of 720p, or five of 4K; what is never used takes no memory."""
AHEAD = 2
"""Pictures that are laid before who asks has heard of them."""
MOST_LAID = 256
"""Places that are taken at a time: what is said of all of them fits in the smallest pipe, of a page or 512 messages."""
_LINE_BYTES = 64
_MESSAGE = struct.Struct("=q")
"""The place of a picture that is given back, or `_HEARD`."""
_HEARD = -1
_MOST_READ = (MOST_LAID + AHEAD) * _MESSAGE.size


class Shelf:
    """The side of who asks. `inherited` are the descriptors that the decoder's process needs."""

    def __init__(self) -> None:
        with _nameless() as file:
            file.truncate(SHELF_BYTES)
            _seal(file)
            self._memory = mmap.mmap(file.fileno(), SHELF_BYTES)
            shared = os.dup(file.fileno())
        reading, writing = os.pipe()
        os.set_blocking(writing, False)  # only a decoder that does not keep to `MOST_LAID` lets it become full
        self.inherited = shared, reading
        self._said = os.fdopen(writing, "wb", buffering=0)

    def close_inherited(self) -> None:
        """Close them here, once the decoder's process has them."""
        for descriptor in self.inherited:
            os.close(descriptor)

    def taken(self, begin: int, size: int) -> NDArray[np.uint8]:
        """The bytes of a picture, whose room is free again when no array looks at them any more.

        Raises `ValueError` where there is no such place.
        """
        if not (isinstance(begin, int) and isinstance(size, int) and 0 <= begin < begin + size <= len(self._memory)):
            raise ValueError(f"{size} bytes from {begin} on are no place")
        found, owner = np.frombuffer(self._memory, np.uint8, size, begin), os.getpid()
        _say(self._said, _HEARD, owner)
        weakref.finalize(found, _say, self._said, begin, owner).atexit = False
        return found


def _say(pipe: IO[bytes], message: int, owner: int) -> None:
    if os.getpid() != owner:  # a child that was forked lets go of what its parent still has
        return
    with suppress(BrokenPipeError):  # the decoder has ended
        pipe.write(_MESSAGE.pack(message))


class Shelved:
    """The decoder's side, by the two descriptors."""

    def __init__(self, shared: int, listening: int) -> None:
        self._memory = np.frombuffer(mmap.mmap(shared, os.fstat(shared).st_size), np.uint8)
        self._listening = listening
        self._ends: dict[int, int] = {}
        self._unheard = 0

    def lay(self, picture: NDArray[np.uint8]) -> int | None:
        """Copy a picture to where there is room for it; the place, None where there is none."""
        self._hear(wait=False)
        while self._unheard >= AHEAD:
            self._hear(wait=True)
        begin = self._room(picture.nbytes)
        if begin is not None:
            self._unheard += 1
            self._ends[begin] = begin + picture.nbytes
            self._memory[begin : self._ends[begin]].reshape(picture.shape)[...] = picture
        return begin

    def _hear(self, wait: bool) -> None:
        os.set_blocking(self._listening, wait)
        with suppress(BlockingIOError):
            data = os.read(self._listening, _MOST_READ)
            if not data:
                raise SystemExit  # who asked is gone
            for (message,) in _MESSAGE.iter_unpack(data):
                if message == _HEARD:
                    self._unheard -= 1
                else:
                    del self._ends[message]

    def _room(self, size: int) -> int | None:
        """The first place with room for so many bytes: what was just given back is warm."""
        if len(self._ends) >= MOST_LAID:
            return None
        begin = 0
        for taken, end in sorted(self._ends.items()):
            if taken - begin >= size:
                break
            begin = -(-end // _LINE_BYTES) * _LINE_BYTES
        return begin if begin + size <= len(self._memory) else None


def _nameless() -> IO[bytes]:
    """A file without a name: in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("pictures", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "r+b")
    return TemporaryFile()


def _seal(file: IO[bytes]) -> None:
    """Keep the file's size as it is, where the system can: to read what was cut off would end this process."""
    if hasattr(os, "memfd_create"):
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
