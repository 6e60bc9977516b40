"""The door: where a container is opened and its packets and frames come out, or a sentence.

Videos are untrusted: only local files in the container formats of `FORMATS` are opened, so that neither a name nor a
playlist inside a file leads to another file or to the network. Whatever PyAV or ffmpeg raises, its Python wrapper's own
errors too, ends here. Titles and other metadata do not matter, whatever they are encoded in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from abaw.media.confined import MEMORY_BYTES
from abaw.media.signs import beat
from abaw.running.errors import UserError

FORMATS = (
    *("mov", "matroska", "avi", "flv", "mpeg", "mpegts", "mpegvideo", "asf"),
    *("dv", "ogg", "mxf", "rm", "wtv", "gxf", "nut", "ivf"),
)
"""The demuxers of ffmpeg that may open a file: those of containers for video that name no other file."""

Stream = VideoStream | AudioStream


class LeftOutError(Exception):
    """A picture was left out that must not be: decode all."""


NOT_THE_FILE = (UserError, LeftOutError, NameError, ImportError)
"""What is not of the file's making; all other exceptions, its own mistakes too, are PyAV's way to give it up."""


@contextmanager
def opened(path: str | PathLike[str]) -> Iterator[InputContainer]:
    """A container, which is closed again; every error of reading it in the block becomes a `UserError`."""
    local = Path(path).absolute()
    try:
        options = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}
        with av.open(f"file:{local}", options=options, metadata_errors="replace") as container:
            yield container
    except NOT_THE_FILE:
        raise
    except Exception as error:
        raise UserError(_unreadable(path, local, error)) from error


@contextmanager
def opened_film(path: str | PathLike[str]) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A container and the pictures in it that a player shows; `UserError` where it has none that can be decoded."""
    with opened(path) as container:
        yield container, _film(path, container)


def packets(container: InputContainer, *streams: Stream) -> Iterator[Packet]:
    """The packets of streams as they are stored; those of a stream that appears late are passed over."""
    reading = container.demux(list(streams))
    while True:
        try:
            packet = next(reading, None)
        except IndexError:  # at the end the wrapper looks for a stream that was not there when it began
            return
        if packet is None:
            return
        beat()
        if packet.size:
            yield packet


def frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """All frames of a stream as they are shown."""
    for packet in packets(container, stream):
        yield from packet.decode()
    yield from stream.decode(None)


def sounds(container: InputContainer) -> list[AudioStream]:
    """The sound tracks, of whatever codec, in the order of the file."""
    return [stream for stream in container.streams if isinstance(stream, AudioStream)]


def is_decodable(stream: object) -> bool:
    """Whether there is a decoder for a stream, and the container says enough of it to make one."""
    if isinstance(stream, AudioStream):
        return stream.codec_context is not None and bool(stream.codec_context.channels)
    return isinstance(stream, VideoStream) and stream.codec_context is not None


def is_default(stream: Stream) -> bool:
    """Whether the container calls a stream the one to be played."""
    return bool(stream.disposition & Disposition.default)


def _film(path: str | PathLike[str], container: InputContainer) -> VideoStream:
    """What ffmpeg calls the best of the streams of pictures; another where that has no decoder; never a cover."""
    films = [
        stream
        for stream in container.streams
        if stream.type == "video" and not getattr(stream, "disposition", 0) & Disposition.attached_pic
    ]
    able = [stream for stream in films if isinstance(stream, VideoStream) and is_decodable(stream)]
    if able:
        best = container.streams.best("video")
        return next((stream for stream in able if stream is best), able[0])
    if films:
        raise UserError(f"{path} has pictures of a codec that nothing here decodes; convert it to MP4 with H.264")
    raise UserError(f"{path} has no video stream; give a file with one")


def _unreadable(path: str | PathLike[str], local: Path, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return too_large(path)
    reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
    return (
        f"{path} ({local.stat().st_size} bytes) cannot be read as a video ({reason}); copy it again, or convert it to "
        f"MP4 (readable are {', '.join(FORMATS)})"
    )


def too_large(path: str | PathLike[str]) -> str:
    """What is said of a video that wants more memory than a decoder gets."""
    return (
        f"{path} cannot be decoded in {MEMORY_BYTES / 1e9:.0f} GB of memory; it is damaged, or its pictures are very "
        "large: make them smaller, as MP4"
    )
