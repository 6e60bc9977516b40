"""What the first picture of a video and its sound tracks ask to be decided, in the decoder's process."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from abaw.media.container import frames, is_decodable, is_default, opened, opened_film, packets, sounds
from abaw.media.decisions import Decision, decision
from abaw.media.inspection import in_fields, inspected
from abaw.media.picture import MOST_SQUEEZED, SQUARE, turn_of
from abaw.media.timing import RESTART, Clock, Stamps, frame_rate, priming_s, ticks_of
from abaw.media.tones import HLG, PQ
from abaw.running.errors import UserError

Path = str | PathLike[str]
_TRANSFERS = {HLG: "HLG", PQ: "PQ"}


@dataclass(frozen=True)
class Track:
    """The sound that is heard: its stream in the file, its channels as they are asked for, and `said`, why this one.

    `starts` are the times, by the sound's own clock, that are 0: one, and another each time its stamps begin again.
    """

    index: int
    channels: int
    starts: tuple[Fraction, ...]
    said: str | None


def decided(path: Path, sound_track: int | None) -> list[Decision]:
    """What `abaw.media.video.decisions` gives."""
    found: list[Decision] = []
    with opened_film(path) as (container, stream):
        found += _of_sound(path, container, sound_track)
        try:
            frame = next(frames(container, stream), None)
        except Exception:  # what the decoder says of it is said where it is decoded
            frame = None
        if frame is not None:
            found += _of_picture(frame, stream)
    if inspected(path).is_mended:
        found.append(decision("time_stamps_mended", "time stamps lack or begin again"))
    return found


def first_shown(path: Path) -> Fraction:
    """When a player's clock, which begins with the first of the streams, shows the first picture, in seconds."""
    with opened_film(path) as (container, stream):
        if stream.start_time is None or stream.time_base is None:
            return Fraction(0)
        begin = max(Fraction(container.start_time or 0, 1_000_000), Fraction(0))
        return max(Fraction(stream.start_time * stream.time_base) - begin, Fraction(0))


def track(path: Path, sound_track: int | None) -> Track:
    """The sound track to hear, on the timeline of the pictures; `UserError` where none can be decoded.

    Players take the first that the container calls the default, else the first; of those that can be decoded. A number
    (from 1) names another, where the file has so many.
    """
    with opened(path) as container:
        sound, said = _chosen(path, container, sound_track)
        film = container.streams.best("video")
        film = film if isinstance(film, VideoStream) and film.codec_context is not None else None
        lag = priming_s(container, sound)
        channels = 1 if sound.codec_context.channels == 1 else 2  # ffmpeg itself would make one of two 3 dB quieter
        index = sound.index
        start = Fraction((film.start_time or 0) * (film.time_base or 0)) if film else Fraction(0)
        starts = _starts(path, container, film, sound) if film and _may_restart(film) else []
    return Track(index, channels, tuple(at + lag for at in starts or (start,)), said)


def _chosen(path: Path, container: InputContainer, number: int | None) -> tuple[AudioStream, str | None]:
    """The track and, where there was a choice, what is said of it."""
    tracks = sounds(container)
    able = [stream for stream in tracks if is_decodable(stream)]
    if not able:
        kind = "no sound" if not tracks else "no sound track of a codec that is known here"
        raise UserError(f"the audio of {path} cannot be decoded: it has {kind}; convert it to AAC")
    named = tracks[number - 1] if number is not None and number <= len(tracks) else None
    sound = named if named in able else next(filter(is_default, able), able[0])
    if len(tracks) == 1:
        return sound, None
    reason = (
        "the one that corpus.sound_track names"
        if sound is named
        else "the default one"
        if is_default(sound)
        else "the first that can be decoded"
    )
    return sound, f"{len(tracks)} sound tracks: number {tracks.index(sound) + 1} is taken, {reason}"


def _of_sound(path: Path, container: InputContainer, number: int | None) -> Iterator[Decision]:
    if not sounds(container):
        return
    try:
        said = _chosen(path, container, number)[1]
    except UserError:
        yield decision("no_decodable_sound", "no sound track can be decoded")
    else:
        if said:
            yield decision("sound_track", said)


def _of_picture(frame: VideoFrame, stream: VideoStream) -> Iterator[Decision]:
    turn, aspect = turn_of(frame), stream.sample_aspect_ratio
    if turn.mirrored:
        yield decision("mirrored", "a flag says that players mirror the picture")
    if not turn.is_exact:
        yield decision("odd_rotation", f"a flag turns the picture by {90 * turn.quarters + turn.off_deg:.1f} degrees")
    if frame.interlaced_frame:
        yield decision("deinterlaced", "the pictures are interlaced: their lines show two moments")
    if int(frame.color_trc) in _TRANSFERS:
        yield decision("tone_mapped", f"the pictures have a high dynamic range ({_TRANSFERS[int(frame.color_trc)]})")
    if aspect and not 1 / MOST_SQUEEZED <= aspect <= MOST_SQUEEZED:
        yield decision("odd_pixels", f"the container says that pixels are {float(aspect):g} times as wide as high")
    elif aspect and abs(aspect - 1) >= SQUARE:
        yield decision("squeezed_pixels", f"pixels are {float(aspect):.3g} times as wide as high")


def _may_restart(film: VideoStream) -> bool:
    """Whether the stamps must be read: where a header counts the frames, they are in one run."""
    return not film.frames


def _starts(path: Path, container: InputContainer, film: VideoStream, sound: AudioStream) -> list[Fraction]:
    """The times that are 0 by the pictures' clock, one for each run of stamps, where these lack or begin again.

    Raises `UserError` where the sound's begin again more or less often.
    """
    interval = 1 / frame_rate(path, film)
    stamps = Stamps(film.time_base or interval, in_fields(film))
    heard, runs = Fraction(0), 1
    for packet in packets(container, film, sound):
        if packet.stream_index == film.index:
            stamps.add(ticks_of(packet, container), packet.dts)
        elif packet.dts is not None:
            at = Fraction(packet.dts * packet.time_base)
            runs += heard - at >= RESTART
            heard = at
    if not stamps.are_mended:
        return []
    clock = Clock(interval)
    for stamp in stamps:
        clock.place(None if stamp is None else Fraction(stamp * (film.time_base or interval)))
    if len(clock.starts) != runs:
        raise UserError(
            f"the sound of {path} cannot be put beside its pictures: its time stamps begin again {runs - 1} times, "
            f"theirs {len(clock.starts) - 1}; join the parts anew, as MP4"
        )
    return clock.starts
