"""Sound out of a container, on the video's own timeline, in pieces: an hour needs no more memory than a minute."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from abaw.media import confined
from abaw.media.container import FORMATS
from abaw.media.process import PATIENCE_S, asked, environment, why_ended
from abaw.media.timing import RESTART
from abaw.running.errors import UserError

MIXTURE_RATE_HZ = 44100
"""The sample rate of the extracted tracks: that of Spleeter's models."""
DECODER = f"ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}"
"""What decodes the sound; ffmpeg's binary comes with imageio-ffmpeg, so that one version runs everywhere."""
_MARGIN_S = 1.0
_BLOCK = 1 << 19


@dataclass(frozen=True)
class SoundTrack:
    """The track that is heard: its stream in the file, 1 or 2 channels, and when it is 0 by its own clock, run by run.

    `said` says why it is this one, where there are several.
    """

    index: int
    channels: int
    starts: tuple[Fraction, ...]
    said: str | None


def sound_track(video: str | PathLike[str], number: int | None = None) -> SoundTrack:
    """The default track of those that can be decoded, or the one of a number (from 1) where the file has so many.

    Raises `UserError` where none can be decoded, or cannot be put beside the pictures.
    """
    for head, _ in asked("track", video, sound_track=number):
        found = SoundTrack(**{**head, "starts": tuple(Fraction(*start) for start in head["starts"])})
    return found


def extract_stereo(
    video: Path, track: SoundTrack | None = None, length_s: float | None = None
) -> Iterator[NDArray[np.int16]]:
    """A track of a video in blocks (n, 2) at MIXTURE_RATE_HZ; sample 0 sounds when the first video frame is shown.

    What sounds before that frame is left out, and, where `length_s` is given, what lies far beyond that. ffmpeg pads or
    cuts where a stream's time stamps jump, and goes on after packets that it cannot decode. More than two channels are
    mixed down; one is copied into both as loud as it is. It decodes in a process of its own (`abaw.media.confined`).
    Raises `UserError` where the file has no audio that can be decoded.
    """
    track = track or sound_track(video)
    source = ffmpeg.input(
        f"file:{video.resolve()}", protocol_whitelist="file", format_whitelist=",".join(FORMATS), copyts=None
    )
    heard = source[str(track.index)].filter("asetpts", _since(track.starts))
    if length_s is not None:  # or a time stamp hours away makes hours of silence, all of which are computed
        heard = heard.filter("atrim", end=length_s + _MARGIN_S)
    heard = heard.filter("aresample", MIXTURE_RATE_HZ, **{"async": 1, "first_pts": 0})
    output = heard.output("pipe:", format="s16le", acodec="pcm_s16le", ac=track.channels, ar=MIXTURE_RATE_HZ, threads=1)
    program = output.global_args("-nostdin").compile(cmd=imageio_ffmpeg.get_ffmpeg_exe())
    command = [sys.executable, "-P", "-m", confined.__name__, *program]
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=said) as process,
    ):
        try:
            for raw in _pieces(video, process, 2 * track.channels * _BLOCK):
                yield np.frombuffer(raw, dtype="<i2").reshape(-1, track.channels).repeat(2 // track.channels, axis=1)
        except BaseException:
            process.kill()
            raise
        if code := process.wait():
            said.seek(0)
            reason = why_ended(code, said.read().decode(errors="replace"))
            raise UserError(f"the audio of {video} cannot be decoded: {reason}")


def _pieces(video: Path, process: subprocess.Popen[bytes], size: int) -> Iterator[bytes]:
    """What the process says, `size` bytes at a time; `UserError` where it hangs."""
    assert process.stdout is not None
    piece = bytearray()
    while True:
        if not select.select([process.stdout], [], [], PATIENCE_S)[0]:
            raise UserError(f"the audio of {video} cannot be decoded: nothing came of it for {PATIENCE_S:.0f} s")
        more = os.read(process.stdout.fileno(), size - len(piece))
        piece += more
        if piece and (len(piece) == size or not more):
            yield bytes(piece)
            piece.clear()
        if not more:
            return


def _since(starts: Sequence[Fraction]) -> str:
    """The time of a piece of sound since the first picture; where its stamps begin again, by the next of `starts`."""
    if len(starts) == 1:
        return f"PTS-({starts[0]})/TB"
    runs = f"st(0,ld(0)+lt(PTS,PREV_INPTS-({RESTART})/TB))"
    start = str(starts[-1])
    for number, earlier in reversed(list(enumerate(starts[:-1]))):
        start = f"if(lte(ld(0),{number}),{earlier},{start})"
    return f"0*{runs}+PTS-({start})/TB"
