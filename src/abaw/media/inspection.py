"""What a container says of its video: size, rate, length, and the time of each frame; which of its sounds is heard."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from os import PathLike

from av.container import InputContainer
from av.video.stream import VideoStream

from abaw.media.container import opened_film, packets, sounds
from abaw.media.info import VideoInfo
from abaw.media.timing import Clock, Stamps, frame_rate, is_variable, lead, ticks_of
from abaw.running.errors import UserError

_PROGRESSIVE = 1

Path = str | PathLike[str]


def inspected(path: Path) -> VideoInfo:
    """What `abaw.media.video.probe` gives."""
    with opened_film(path) as (container, stream):
        fps = frame_rate(path, stream)
        tick = stream.time_base or 1 / fps
        is_mended = False
        listed = complete_index(path, container, stream)
        stamps: Sequence[int | Fraction] = listed or []
        empty = lead(container, listed or [], tick)
        if listed is None or is_variable(_moved(listed, empty), tick * fps):
            found = _stamps(container, stream, tick, None if listed is None else len(listed))
            is_mended = found.are_mended
            stamps = _checked(path, container, stream, found, fps)
            empty = lead(container, stamps, tick)
        if not stamps:
            raise UserError(f"{path} has a video stream without a frame; copy the file again")
        stamps = _moved(stamps, empty)
        times = None
        if is_variable(stamps, tick * fps):
            times = tuple(Fraction((stamp - stamps[0]) * tick) for stamp in stamps)
        return VideoInfo(
            fps=fps,
            n_frames=len(stamps),
            duration_s=float(times[-1] + 1 / fps if times else _duration(stream, empty) or len(stamps) / fps),
            has_audio=bool(sounds(container)),
            width_px=stream.codec_context.width,
            height_px=stream.codec_context.height,
            frame_times=times,
            is_mended=is_mended,
        )


def _stamps(container: InputContainer, stream: VideoStream, tick: Fraction, most: int | None) -> Stamps:
    """The presentation times of the frames, in ticks, by their packets, `most` of which count."""
    stamps = Stamps(tick, in_fields(stream))
    for packet in islice((packet for packet in packets(container, stream) if not packet.is_discard), most):
        stamps.add(ticks_of(packet, container), packet.dts)
    return stamps


def in_fields(stream: VideoStream) -> bool:
    """Whether two packets can make one frame."""
    return int(stream.codec_context.field_order or 0) > _PROGRESSIVE


def _checked(
    path: Path, container: InputContainer, stream: VideoStream, found: Stamps, fps: Fraction
) -> list[int] | list[Fraction]:
    """The stamps in the order in which frames are shown, in ticks, on one timeline."""
    stamps = list(found)
    known = [stamp for stamp in stamps if stamp is not None]
    reach = _reach(container, known) if len(known) == len(stamps) else len(stamps)
    if stream.frames - reach > fps:  # a header may miscount by a few, not by a second
        raise _cut_off(path, reach, stream.frames)
    if not found.are_mended:
        return known
    tick, clock = stream.time_base or 1 / fps, Clock(1 / fps)
    return [clock.place(None if stamp is None else Fraction(stamp * tick)) / tick for stamp in stamps]


def complete_index(path: Path, container: InputContainer, stream: VideoStream) -> list[int] | None:
    """The decoding times of all frames, in ticks, by the container's index; None where that is not complete.

    What a file holds after the frames of a complete index, another file for instance, does not belong to it.
    """
    entries = list(stream.index_entries)
    if not entries or _reach(container, [entry.timestamp for entry in entries]) != stream.frames:
        return None
    listed = [entry for entry in entries if entry.size and not entry.is_discard]
    beyond = sum(entry.pos + entry.size > container.size for entry in listed)
    if beyond:
        raise _cut_off(path, len(listed) - beyond, len(listed))
    return [entry.timestamp for entry in listed]


def _moved(stamps: Sequence[int | Fraction], empty: int) -> list[int | Fraction]:
    return [*stamps[:1], *(stamp - empty for stamp in stamps[1:])]


def _duration(stream: VideoStream, empty: int) -> Fraction | None:
    """The stream's own duration in seconds; containers that do not count their frames only estimate it."""
    if not stream.frames or not stream.duration or not stream.time_base:
        return None
    return (stream.duration - empty) * stream.time_base


def _reach(container: InputContainer, stamps: Sequence[int]) -> int:
    """How many frames the container must promise for these: AVI counts those it leaves out, as a tick each."""
    return stamps[-1] + 1 if stamps and container.format.name == "avi" else len(stamps)


def _cut_off(path: Path, found: int, promised: int) -> UserError:
    return UserError(f"{path} is cut off: it holds {found} of the {promised} frames that it promises; copy it again")
