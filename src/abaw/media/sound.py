"""Sound out of a container, on the video's own timeline, in pieces: an hour needs no more memory than a minute."""

import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryFile

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from abaw.media.video import priming_s
from abaw.running.errors import UserError

MIXTURE_RATE_HZ = 44100
"""The sample rate of the extracted tracks: that of Spleeter's models."""
_BLOCK = 1 << 19


def extract_stereo(video: Path) -> Iterator[NDArray[np.int16]]:
    """The track of a video in blocks (n, 2) at MIXTURE_RATE_HZ; sample 0 sounds when the first video frame is shown.

    What sounds before that frame is left out. ffmpeg pads or cuts where a stream's time stamps jump, and goes on after
    packets that it cannot decode. More than two channels are mixed down; one is copied into both as loud as it is.
    ffmpeg's binary comes with imageio-ffmpeg: one version runs everywhere. Raises `UserError` where the file has no
    audio that can be decoded.
    """
    start_s, channels = _first_frame_s(video)
    source = ffmpeg.input(f"file:{video.resolve()}", protocol_whitelist="file", copyts=None)
    track = source.audio.filter("asetpts", f"PTS-({start_s})/TB")
    track = track.filter("aresample", MIXTURE_RATE_HZ, **{"async": 1, "first_pts": 0})
    output = track.output("pipe:", format="s16le", acodec="pcm_s16le", ac=channels, ar=MIXTURE_RATE_HZ, threads=1)
    command = output.global_args("-nostdin").compile(cmd=imageio_ffmpeg.get_ffmpeg_exe())
    with TemporaryFile() as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process:
        assert process.stdout is not None
        while raw := process.stdout.read(2 * channels * _BLOCK):
            yield np.frombuffer(raw, dtype="<i2").reshape(-1, channels).repeat(2 // channels, axis=1)
        if process.wait():
            said.seek(0)
            reason = said.read().decode(errors="replace").strip().splitlines()
            raise UserError(f"the audio of {video} cannot be decoded: {reason[-1] if reason else 'no reason given'}")


def _first_frame_s(video: Path) -> tuple[Fraction, int]:
    """When the first video frame is shown, by the clock of the sound that ffmpeg takes; the channels to ask for."""
    try:
        with av.open(f"file:{video.resolve()}", options={"protocol_whitelist": "file"}) as container:
            film, sound = container.streams.best("video"), container.streams.best("audio")
            start = Fraction((film.start_time or 0) * (film.time_base or 0)) if film else Fraction(0)
            known = isinstance(sound, AudioStream) and sound.codec_context  # None for a codec without a decoder
            channels = 1 if known and known.channels == 1 else 2  # ffmpeg itself would make one of two 3 dB quieter
            return start + priming_s(container), channels
    except av.FFmpegError:
        return Fraction(0), 2  # ffmpeg will say why
