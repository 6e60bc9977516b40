"""Small videos and sounds for tests: frames that carry their own number, clicks that are seen and heard."""

import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe

BITS = 8


def numbered(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A picture of `number` (1 to 255) as eight black and white bars, lowest bit first."""
    bars = [255 * (number >> bit & 1) for bit in range(BITS)]
    return np.broadcast_to(np.repeat(bars, width // BITS)[None, :, None], (height, width, 3)).astype(np.uint8)


def number_of(bgr: np.ndarray) -> int:
    """The number that `numbered` drew."""
    bars = bgr.mean(axis=(0, 2)).reshape(BITS, -1).mean(axis=1) > 128
    return sum(int(bar) << bit for bit, bar in enumerate(bars))


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    fps: Fraction,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    rotation: int = 0,
    container: dict[str, str] | None = None,
    encoder: dict[str, str] | None = None,
) -> Path:
    """Write BGR frames; `pts` are their times in units of 1 / fps (default 0, 1, ...)."""
    with av.open(f"file:{path.absolute()}", "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=fps, options=encoder or {})
        stream.pix_fmt = pix_fmt
        for index, bgr in enumerate(frames):
            if index == 0:
                stream.height, stream.width = bgr.shape[:2]
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            frame.pts, frame.time_base = pts[index] if pts else index, 1 / fps
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def write_numbered(path: Path, n_frames: int, fps: Fraction, **options: object) -> Path:
    return write_clip(path, (numbered(k + 1) for k in range(n_frames)), fps, **options)


def write_sound(path, samples, rate_hz, codec, layout="mono"):
    """Write a sound of float samples (channels, n) into the container that the suffix names."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate_hz, layout=layout)
        kind = stream.codec_context.format.name
        whole = {"s16": np.int16, "s32": np.int32}.get(kind.removesuffix("p"))
        data = (samples * np.iinfo(whole).max).astype(whole) if whole else samples
        if not kind.endswith("p"):
            data = data.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=kind, layout=layout)
        frame.sample_rate = rate_hz
        output.mux([packet for part in (frame, None) for packet in stream.encode(part)])
    return path


def shade(luma):
    """A frame of 16 x 16 px of one shade of grey, from 16 to 235."""
    planes = np.full((24, 16), 128, np.uint8)
    planes[:16] = luma
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def write_clicks(path, fps, seconds, clicks, codec, rate_hz=44100):
    """A dark video with a white frame, and a burst of sound, at the frames in `clicks`."""
    samples = np.zeros(seconds * rate_hz, np.float32)
    burst = np.sin(2 * np.pi * 2000 * np.arange(rate_hz // 200) / rate_hz).astype(np.float32)
    for number in clicks:
        begin = round(number / fps * rate_hz)
        samples[begin : begin + len(burst)] = 0.8 * burst
    with av.open(str(path), "w") as output:
        film = output.add_stream("mpeg4", rate=fps)
        film.width = film.height = 16
        film.pix_fmt = "yuv420p"
        quickly = {"compression_level": "9"} if codec == "libmp3lame" else {}
        sound = output.add_stream(codec, rate=rate_hz, layout="mono", options=quickly)
        dark, lit = shade(16), shade(235)
        per_second = round(fps)
        frames = int(seconds * fps)
        for first in range(0, frames, per_second):
            for number in range(first, min(first + per_second, frames)):
                frame = lit if number in clicks else dark  # each is encoded again and again
                frame.pts, frame.time_base = number, 1 / fps
                output.mux(film.encode(frame))
        kind = sound.codec_context.format.name
        for begin in range(0, len(samples), rate_hz):
            data = samples[None, begin : begin + rate_hz]
            whole = {"s16": np.int16, "s32": np.int32}.get(kind.removesuffix("p"))
            data = (data * np.iinfo(whole).max).astype(whole) if whole else data
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=kind, layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, begin, Fraction(1, rate_hz)
            output.mux(sound.encode(frame))
        output.mux(film.encode())
        output.mux(sound.encode())
    return path


def ffmpeg(*arguments):
    """Run ffmpeg on arguments, the last of which is the file that it writes; that file."""
    command = [get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    subprocess.run([*command, *map(str, arguments)], check=True)
    return Path(arguments[-1])


def shown_by_ffmpeg(path, *filters):
    """The first picture of a file as ffmpeg shows it, (height, width, 3), BGR."""
    raw = path.with_suffix(".png")
    ffmpeg("-i", path, "-frames:v", "1", *(["-vf", ",".join(filters)] if filters else []), "-update", "1", raw)
    return cv2.imread(str(raw))
