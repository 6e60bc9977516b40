"""Writing a video file with sound, the same bytes each time."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from abaw.running.files import whole_file

_BITEXACT = {"flags": "+bitexact"}
_VIDEO_OPTIONS = {
    # Without B frames the first frame is shown at 0 in every container. With its look-ahead, x264 gave other bytes in
    # one of twenty runs, depending on what the memory had held before.
    ".mp4": ("libx264", {"preset": "veryfast", "crf": "21", "bf": "0", "mbtree": "0", "rc-lookahead": "0"}),
    ".avi": ("mpeg4", {"b": "1000000", "qmin": "2", "qmax": "6", "bf": "0"}),
}
_AUDIO_CODECS = {".mp4": "aac", ".avi": "libmp3lame"}
_AUDIO_OPTIONS = {"b": "64000"}
_MP3_DELAY = 1105
"""Samples of silence that MP3 puts before the sound; MP4 has a field for such a delay, for AVI readers must know it."""


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    fps: Fraction,
    size_px: tuple[int, int],
    sound: NDArray[np.float32],
    rate_hz: int,
) -> None:
    """Write frames (uint8[height, width, 3], BGR, `size_px` is width and height) and mono sound (float32 in [-1, 1]).

    The suffix chooses the codecs: .mp4 has H.264 and AAC, .avi MPEG-4 and MP3. Sound and frames begin together.
    """
    with whole_file(path) as beside, av.open(beside, "w", options={"fflags": "+bitexact"}) as container:
        video, audio = (
            _video_stream(container, path.suffix, fps, size_px),
            _audio_stream(container, path.suffix, rate_hz),
        )
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame.pts, frame.time_base = index, 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode())
        _mux_sound(container, audio, sound, pts=_MP3_DELAY if path.suffix == ".avi" else 0)


def _video_stream(container: OutputContainer, suffix: str, fps: Fraction, size_px: tuple[int, int]) -> VideoStream:
    codec, options = _VIDEO_OPTIONS[suffix]
    stream = cast(VideoStream, container.add_stream(codec, rate=fps, options=options | _BITEXACT))
    stream.width, stream.height = size_px
    stream.pix_fmt = "yuv420p"
    stream.codec_context.thread_count = 1
    stream.codec_context.time_base = 1 / fps
    return stream


def _audio_stream(container: OutputContainer, suffix: str, rate_hz: int) -> AudioStream:
    options = _AUDIO_OPTIONS | _BITEXACT
    stream = cast(
        AudioStream, container.add_stream(_AUDIO_CODECS[suffix], rate=rate_hz, layout="mono", options=options)
    )
    stream.codec_context.thread_count = 1
    return stream


def _mux_sound(container: OutputContainer, stream: AudioStream, sound: NDArray[np.float32], pts: int) -> None:
    samples = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    # The first packet then stands at 0, not before it, where AVI would shift the pictures.
    frame.sample_rate, frame.pts, frame.time_base = stream.rate, pts, Fraction(1, stream.rate)
    context = stream.codec_context
    parts = av.AudioResampler(context.format, "mono", stream.rate, context.frame_size)
    for part in [*parts.resample(frame), *parts.resample(None)]:
        container.mux(stream.encode(part))
    container.mux(stream.encode())
