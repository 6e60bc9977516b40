"""Audio out of a container, on the video's own timeline, in pieces: an hour needs no more memory than a minute.

Resampling is soxr's, not torchaudio's: soxr resamples a stream piece by piece, and loads beside every build of torch.
"""

import subprocess
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryFile

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np
import soundfile
import soxr
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from abaw.errors import UserError
from abaw.files import whole_file

MIXTURE_RATE_HZ = 44100
"""The sample rate of the extracted tracks: that of Spleeter's models."""

Stereo = NDArray[np.float32]
"""float32[2, samples] in [-1, 1] at MIXTURE_RATE_HZ."""

_BLOCK = 1 << 19


def extract_stereo(video: Path) -> Iterator[NDArray[np.int16]]:
    """The track of a video in blocks (n, 2) at MIXTURE_RATE_HZ; sample 0 sounds at the container's time zero.

    More than two channels are mixed down; one is copied into both as loud as it is. ffmpeg pads or cuts where a
    stream's time stamps jump. Its binary comes with imageio-ffmpeg: one version runs everywhere. Raises `UserError`
    where the file has no audio that can be decoded.
    """
    source = ffmpeg.input(f"file:{video.resolve()}", protocol_whitelist="file")
    track = source.audio.filter("aresample", MIXTURE_RATE_HZ, **{"async": 1, "first_pts": 0})
    channels = 1 if _n_channels(video) == 1 else 2  # ffmpeg itself would make one of two 3 dB quieter
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


def _n_channels(video: Path) -> int:
    """The channels of the sound that ffmpeg takes; 0 where there is none, or nothing can be read."""
    try:
        with av.open(f"file:{video.resolve()}", options={"protocol_whitelist": "file"}) as container:
            stream = container.streams.best("audio")
            known = isinstance(stream, AudioStream) and stream.codec_context  # None for a codec without a decoder
            return known.channels if known else 0
    except av.FFmpegError:
        return 0


def silence(duration_s: float | Fraction) -> NDArray[np.int16]:
    """A silent track of a length, (n, 2) at MIXTURE_RATE_HZ."""
    return np.zeros((round(duration_s * MIXTURE_RATE_HZ), 2), dtype=np.int16)


def to_mono(blocks: Iterable[Stereo], rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """The mean of both channels, resampled to `rate_hz`, in blocks (n,)."""
    stream = soxr.ResampleStream(MIXTURE_RATE_HZ, rate_hz, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block.mean(axis=0))
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def write_flac(blocks: Iterable[NDArray[np.generic]], rate_hz: int, channels: int, path: Path) -> int:
    """Write blocks (n,) or (n, channels) as FLAC of 16 bits, whole or not at all; the number of samples.

    Floats beyond [-1, 1] are clipped.
    """
    length = 0
    with (
        whole_file(path) as beside,
        soundfile.SoundFile(beside, "w", rate_hz, channels, format="FLAC", subtype="PCM_16") as output,
    ):
        for block in blocks:
            output.write(block)
            length += len(block)
    return length


def read_flac(path: Path) -> NDArray[np.int16]:
    """Read a mono track whole."""
    return soundfile.read(path, dtype="int16")[0]


def read_blocks(path: Path) -> Iterator[Stereo]:
    """Read a stereo track in blocks."""
    with soundfile.SoundFile(path) as track:
        for block in track.blocks(blocksize=_BLOCK, dtype="float32", always_2d=True):
            yield block.T
