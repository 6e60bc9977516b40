"""The decoder's process: it answers requests, one a line; see `abaw.media.process`."""

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from abaw.media.confined import confine
from abaw.media.info import SampledFrame
from abaw.media.inspection import inspected
from abaw.media.looking import decided, first_shown, track
from abaw.media.sampling import at_times, sampled
from abaw.media.shelf import HEAD_BYTES, Shelved
from abaw.media.signs import give_signs
from abaw.running.errors import BrokenVideoError, UserError

Answer = tuple[dict[str, Any], bytes | NDArray[np.uint8]]
_PARENT_S = 5.0


def answer_probe(path: str) -> Iterator[Answer]:
    """A `VideoInfo`; numerators and denominators of the frames' times come as bytes."""
    info = inspected(path)
    head = {name: value for name, value in vars(info).items() if name not in ("fps", "frame_times")}
    times = np.array([[time.numerator, time.denominator] for time in info.frame_times or ()], np.int64)
    yield {**head, "fps": _pair(info.fps), "is_variable": info.is_variable}, times.tobytes()


def answer_decisions(path: str, sound_track: int | None) -> Iterator[Answer]:
    """The decisions, one each."""
    for found in decided(path, sound_track):
        yield asdict(found), b""


def answer_first_shown(path: str) -> Iterator[Answer]:
    """When the first picture is shown."""
    yield {"time_s": float(first_shown(path))}, b""


def answer_track(path: str, sound_track: int | None) -> Iterator[Answer]:
    """The sound track that is heard."""
    found = track(path, sound_track)
    yield {**asdict(found), "starts": [_pair(start) for start in found.starts]}, b""


def answer_sample(path: str, rates_hz: Sequence[float], threads: int) -> Iterator[Answer]:
    """Sampled frames."""
    for frame in sampled(path, rates_hz, threads):
        yield _head(frame) | {"taken": frame.taken}, frame.bgr


def answer_at(path: str, times_s: Sequence[float], threads: int) -> Iterator[Answer]:
    """Frames at given times."""
    for frame in at_times(path, times_s, threads):
        yield _head(frame), frame.bgr


def _head(frame: SampledFrame) -> dict[str, Any]:
    return {"number": frame.number, "time_s": frame.time_s, "shape": frame.bgr.shape}


ANSWERS: dict[str, Callable[..., Iterator[Answer]]] = {
    "probe": answer_probe,
    "decisions": answer_decisions,
    "first_shown": answer_first_shown,
    "track": answer_track,
    "sample": answer_sample,
    "at": answer_at,
}


def main() -> None:
    """Confine this process, then answer until nobody asks any more."""
    asked, said = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    shelf = Shelved(*map(int, sys.argv[1:]))
    os.dup2(2, 1)  # what a library prints must not come between the answers
    confine()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    give_signs(lambda: _send(said, {"working": True}))
    for line in asked:
        request = json.loads(line)
        os.chdir(request.pop("folder"))
        try:
            for head, body in ANSWERS[request.pop("do")](**request):
                _answer(said, shelf, head, body)
            end: dict[str, Any] = {"done": True}
        except UserError as error:
            end = {"error": str(error), "is_broken": isinstance(error, BrokenVideoError)}
        gc.collect()  # containers and the threads of their decoders lie in circles
        _send(said, end)


def _answer(said: BinaryIO, shelf: Shelved, head: dict[str, Any], body: bytes | NDArray[np.uint8]) -> None:
    """Give an answer: a picture on the shelf, if there is room for it."""
    if isinstance(body, bytes):
        _send(said, {"answer": head, "size": len(body), "place": None}, body)
        return
    place = shelf.lay(body)
    data = np.ascontiguousarray(body).data.cast("B") if place is None else b""
    _send(said, {"answer": head, "size": body.nbytes, "place": place}, data)


def _send(said: BinaryIO, head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    text = json.dumps(head).encode()
    said.write(len(text).to_bytes(HEAD_BYTES, "big") + text)
    said.write(body)
    said.flush()


def _pair(number: Fraction) -> list[int]:
    return [number.numerator, number.denominator]


def _end_with(parent: int) -> None:
    """End when the parent has ended, though a library may never come back."""
    while os.getppid() == parent:
        time.sleep(_PARENT_S)
    os._exit(1)


if __name__ == "__main__":
    main()
