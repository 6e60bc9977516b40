"""The sound of a video, exactly as long as the video, and silent where there is none (paper §3.2.1)."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abaw.media.sound import DECODER, extract_stereo, sound_track
from abaw.media.video import probe
from abaw.running.errors import UserError
from abaw.speech.audio import as_long_as

Blocks = Iterator[NDArray[np.int16]]
"""int16[n, 2] at MIXTURE_RATE_HZ."""


def add_track(arguments: ArgumentParser) -> None:
    """The arguments that `write_track` reads."""
    arguments.add_argument("--video", type=Path, required=True)
    arguments.add_argument("--on-unreadable", choices=["stop", "skip"], required=True)
    arguments.add_argument("--sound-track", required=True, metavar="N", help="of several, from 1; or default")


def write_track(args: Namespace, write: Callable[[Blocks], object]) -> None:
    """Have the sound of a video written, in blocks that are together exactly as long as the video.

    It is silent where the video has no audio stream, or, where unreadable videos are skipped, none that can be decoded:
    `write` is then called a second time. Prints what was heard. Raises `UserError` where reading the video does.
    """
    info = probe(args.video)
    reason = None if info.has_audio else "the video has no audio stream"
    blocks = _heard(args.video, args.sound_track, info.duration_s) if info.has_audio else iter(())
    try:
        write(as_long_as(blocks, info.duration_s))
    except UserError as error:
        if args.on_unreadable == "stop":
            raise
        reason = str(error)
        write(as_long_as(iter(()), info.duration_s))
    what = f"of silence, for {reason}" if reason else f"of audio, by {DECODER}"
    print(f"{info.duration_s:.2f} s {what}: {args.output}")


def _heard(video: Path, number: str, length_s: float) -> Blocks:
    """The sound in blocks; where there are several tracks, it says which."""
    track = sound_track(video, None if number == "default" else int(number))
    if track.said:
        print(f"{video} has {track.said}")
    yield from extract_stereo(video, track, length_s)
