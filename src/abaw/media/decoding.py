"""Decoding the pictures that are wanted: of H.264 in MP4, those that no other refers to need not be decoded."""

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import chain
from math import inf

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from abaw.media.container import LeftOutError, frames, packets

_SLICES = (1, 5)
"""Types of the units of an H.264 access unit that hold a picture."""


def decode_wanted(
    container: InputContainer, stream: VideoStream, wanted: Callable[[int], bool]
) -> Iterator[VideoFrame | Packet]:
    """Yield the frames of a stream as they are shown; for one that was left out its packet, which has the time.

    Left out is a picture that no other refers to (its nal_ref_idc is 0: ITU-T H.264, 7.4.1) and whose presentation
    time, in ticks of the stream, is not `wanted`: half of all where an encoder puts three B pictures in a row. All
    others are decoded to the same pixels as ever. A stream of another codec or container is decoded whole.

    Raises `LeftOutError` where pictures are fields, of which two packets can make one.
    """
    prefix = _prefix_size(container, stream)
    if prefix is None:
        yield from frames(container, stream)
        return
    waiting: list[tuple[int, int, VideoFrame | Packet]] = []
    count, decoded = 0, -inf
    for packet in chain(packets(container, stream), [None]):  # at last what the decoder still holds
        items: Sequence[VideoFrame | Packet]
        if packet is None or packet.pts is None or packet.is_discard or wanted(packet.pts):
            items = stream.decode(packet)
        else:
            items = [packet] if _is_disposable(packet, prefix) else stream.decode(packet)
        for item in items:
            time = _time(item, waiting)
            if isinstance(item, VideoFrame):
                if item.interlaced_frame:
                    raise LeftOutError
                decoded = max(decoded, time)
            count += 1
            heappush(waiting, (time, count, item))
        # what the decoder still holds is shown after `decoded`, and later packets not before their decoding time
        before = inf if packet is None or packet.dts is None else min(packet.dts, decoded + 1)
        while waiting and waiting[0][0] < before:
            yield heappop(waiting)[2]


def _time(item: VideoFrame | Packet, waiting: list[tuple[int, int, VideoFrame | Packet]]) -> int:
    """When an item is shown, in ticks; a frame without a time follows those that wait."""
    return max((time for time, _, _ in waiting), default=0) if item.pts is None else item.pts


def _prefix_size(container: InputContainer, stream: VideoStream) -> int | None:
    """How many bytes give the length of a unit inside a packet; None where it is not H.264 as MP4 has it."""
    codec = stream.codec_context
    form = codec.extradata or b""
    if codec.name != "h264" or not container.format.name.startswith("mov") or len(form) < 5 or form[0] != 1:
        return None
    return (form[4] & 3) + 1


def _is_disposable(packet: Packet, prefix: int) -> bool:
    """Whether no other picture refers to that in a packet."""
    if not packet.size or packet.is_corrupt:
        return False
    data, place = memoryview(packet), 0
    while place + prefix < len(data):
        unit = place + prefix
        if data[unit] & 31 in _SLICES:
            return not data[unit] >> 5 & 3
        place = unit + int.from_bytes(data[place:unit], "big")
    return False
