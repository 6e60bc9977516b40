"""Stand-ins for videos: tiny files whose metadata carry any number of frames and any rate.

Each holds one picture. In an MP4 every sample of the table points at it, so that the stand-in even decodes to its full
length; in an AVI the frames that follow it are two bytes each, listed in the index but no pictures.
"""

import io
import struct
from fractions import Fraction
from functools import cache
from itertools import accumulate
from pathlib import Path

import av
import numpy as np


def write_standin(path: Path, n_frames: int, fps: Fraction) -> None:
    """Write an MP4 or AVI, by the suffix, of `n_frames` frames at `fps`."""
    path.write_bytes(_avi(n_frames, fps) if path.suffix == ".avi" else _mp4(n_frames, fps))


@cache
def _one_frame(container: str, fps: Fraction) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuvj420p"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="bgr24")))
        output.mux(stream.encode())
    return buffer.getvalue()


def _avi(n_frames: int, fps: Fraction) -> bytes:
    raw = _one_frame("avi", fps)
    at = raw.index(b"movi")
    head = bytearray(raw[: at - 8])
    struct.pack_into("<I", head, head.index(b"avih") + 8 + 16, n_frames)
    struct.pack_into("<I", head, head.index(b"strh") + 8 + 32, n_frames)
    (size,) = struct.unpack_from("<I", raw, at + 8)
    sizes = [size + size % 2, *[2] * (n_frames - 1)][:n_frames]
    picture = raw[at + 12 : at + 12 + sizes[0]] if sizes else b""
    movi = b"movi" + _chunk(b"00dc", picture) + _chunk(b"00dc", b"..") * (n_frames - 1)
    offsets = accumulate((8 + length for length in sizes), initial=4)
    index = b"".join(b"00dc" + struct.pack("<III", 16, *entry) for entry in zip(offsets, sizes, strict=False))
    body = bytes(head[8:]) + _chunk(b"LIST", movi) + _chunk(b"idx1", index)
    return _chunk(b"RIFF", body)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body


def _mp4(n_frames: int, fps: Fraction) -> bytes:
    raw = _one_frame("mp4", Fraction(25))
    picture = raw[raw.index(b"\xff\xd8\xff") : raw.index(b"moov") - 4]
    at = raw.index(b"stsd") - 4
    stsd = raw[at : at + struct.unpack_from(">I", raw, at)[0]]
    scale, delta = fps.numerator, fps.denominator
    while scale < 1000:
        scale, delta = scale * 10, delta * 10
    length = n_frames * delta

    ftyp = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
    mdat = _box(b"mdat", picture)
    offset = len(ftyp) + 8
    stbl = _box(
        b"stbl",
        stsd,
        _full(b"stts", struct.pack(">III", 1, n_frames, delta)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        _full(b"stsz", struct.pack(">II", len(picture), n_frames)),
        _full(b"stco", struct.pack(">I", n_frames) + struct.pack(">I", offset) * n_frames),
    )
    dinf = _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _box(b"url ", b"\0\0\0\1")))
    minf = _box(b"minf", _box(b"vmhd", b"\0\0\0\1" + bytes(8)), dinf, stbl)
    matrix = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    mdhd = _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, scale, length, 0x55C4, 0))
    hdlr = _full(b"hdlr", bytes(4) + b"vide" + bytes(13))
    tkhd = _box(
        b"tkhd",
        b"\0\0\0\3",
        struct.pack(">5I", 0, 0, 1, 0, length),
        bytes(16),
        matrix,
        struct.pack(">II", 16 << 16, 16 << 16),
    )
    mvhd = _full(
        b"mvhd", struct.pack(">4IIH", 0, 0, scale, length, 1 << 16, 1 << 8), bytes(10), matrix, bytes(24), b"\0\0\0\2"
    )
    return ftyp + mdat + _box(b"moov", mvhd, _box(b"trak", tkhd, _box(b"mdia", mdhd, hdlr, minf)))


def _box(kind: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I", 8 + sum(map(len, parts))) + kind + b"".join(parts)


def _full(kind: bytes, *parts: bytes) -> bytes:
    return _box(kind, bytes(4), *parts)
