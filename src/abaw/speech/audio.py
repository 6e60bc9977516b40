"""Audio out of a container, on the video's own timeline."""

from fractions import Fraction
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import numpy as np
import soundfile
from numpy.typing import NDArray

from abaw.errors import UserError
from abaw.files import whole_file


def extract_mono(video: Path, sample_rate_hz: int) -> NDArray[np.int16]:
    """The mono track of a video as 16-bit samples (n,); sample 0 sounds at the container's time zero.

    ffmpeg pads or cuts where a stream's time stamps jump. Its binary comes with imageio-ffmpeg: one version
    runs everywhere. Raises `UserError` where the file has no audio that can be decoded.
    """
    source = ffmpeg.input(f"file:{video.resolve()}", protocol_whitelist="file")
    track = source.audio.filter("aresample", sample_rate_hz, **{"async": 1, "first_pts": 0})
    command = track.output("pipe:", format="s16le", acodec="pcm_s16le", ac=1, ar=sample_rate_hz, threads=1)
    try:
        raw, _ = command.run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), capture_stdout=True, capture_stderr=True)
    except ffmpeg.Error as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()
        raise UserError(
            f"the audio of {video} cannot be decoded: {reason[-1] if reason else 'no reason given'}"
        ) from error
    return np.frombuffer(raw, dtype="<i2")


def silence(duration_s: float | Fraction, sample_rate_hz: int) -> NDArray[np.int16]:
    """A silent track of a length."""
    return np.zeros(round(duration_s * sample_rate_hz), dtype=np.int16)


def write_flac(samples: NDArray[np.int16], sample_rate_hz: int, path: Path) -> None:
    """Write mono samples as FLAC, whole or not at all."""
    with whole_file(path) as beside:
        soundfile.write(beside, samples, sample_rate_hz, format="FLAC", subtype="PCM_16")


def read_flac(path: Path) -> NDArray[np.int16]:
    """Read what `write_flac` wrote."""
    return soundfile.read(path, dtype="int16")[0]
