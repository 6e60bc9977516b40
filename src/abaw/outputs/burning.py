"""`annotated.mp4`: the video with everything drawn in, frame by frame, and its sound."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from abaw.media.info import SampledFrame, VideoInfo
from abaw.media.sound import MIXTURE_RATE_HZ, extract_stereo
from abaw.media.video import EVERY_FRAME_HZ, probe, sample_frames
from abaw.outputs.drawing import Picture, draw_people
from abaw.outputs.people import People
from abaw.running.errors import UserError
from abaw.running.files import whole_file

_TICK = Fraction(1, 90_000)
"""Of the time stamps where the frame rate is variable: 11 microseconds."""
_SAME_S = 0.002
_BT709 = 1
"""Primaries, transfer and matrix of what is written, as ITU-T H.273 numbers them; the range is that of a screen."""
_VIDEO_OPTIONS = {"crf": "20", "preset": "veryfast"}


def annotate(video: Path, people: People, out: Path, threads: int = 1) -> Iterator[int]:
    """Write `out`, an MP4 of H.264 and AAC that every browser plays; yield each frame's number when it is written.

    It has the frames of the video, each at its own time since the first, as a player shows them: upright, in true
    shape, deinterlaced; with one line or column more where their number is odd. The sound is the track that is heard,
    in stereo, from the first picture on. Memory holds some pictures, however long the video is; the file appears whole
    or not at all. Raises `UserError` where the video cannot be read to its end, or the table is of another video.
    """
    info = probe(video)
    frames = sample_frames(video, EVERY_FRAME_HZ, threads)
    sound = _Sound(video, info)
    with (
        whole_file(out) as beside,
        av.open(f"file:{beside.absolute()}", "w", options={"movflags": "faststart"}) as made,
    ):
        film, heard = None, made.add_stream("aac", rate=MIXTURE_RATE_HZ, layout="stereo") if sound.is_there else None
        for frame in frames:
            picture = frame.bgr.copy()
            place = frame.number - people.first_frame
            if 0 <= place < len(people.time_s):
                _check_time(video, frame, people.time_s[place])
                draw_people(picture, people, place)
            picture = _even(picture)
            film = film or _film(made, info, picture.shape, threads)
            made.mux(film.encode(_stamped(_fitting(picture, film), frame, info)))
            if heard:
                sound.write(made, heard, frame.time_s)
            yield frame.number
        if film:
            made.mux(film.encode())
        if heard:
            sound.write(made, heard, np.inf)
            made.mux(heard.encode())


def _check_time(video: Path, frame: SampledFrame, expected_s: float) -> None:
    if abs(frame.time_s - expected_s) > _SAME_S:
        raise UserError(
            f"frame {frame.number} of {video} is at {frame.time_s:.3f} s, but at {expected_s:.3f} s by the table: it "
            "is of another video; run predict on this one again"
        )


class _Sound:
    """The sound of a video, written piece by piece beside its pictures."""

    def __init__(self, video: Path, info: VideoInfo) -> None:
        self.is_there = info.has_audio
        self._pieces = extract_stereo(video, length_s=info.duration_s)
        self._n_written = 0

    def write(self, made: OutputContainer, heard: AudioStream, until_s: float) -> None:
        """Write what sounds before a time, and a piece more."""
        while self._n_written < until_s * MIXTURE_RATE_HZ:
            piece = next(self._pieces, None)
            if piece is None:
                return
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(piece.reshape(1, -1)), format="s16", layout="stereo"
            )
            frame.sample_rate, frame.pts, frame.time_base = (
                MIXTURE_RATE_HZ,
                self._n_written,
                Fraction(1, MIXTURE_RATE_HZ),
            )
            self._n_written += len(piece)
            made.mux(heard.encode(frame))


def _film(made: OutputContainer, info: VideoInfo, shape: tuple[int, ...], threads: int) -> VideoStream:
    film = made.add_stream("libx264", rate=info.fps, options=_VIDEO_OPTIONS)
    film.height, film.width = shape[:2]
    film.pix_fmt = "yuv420p"
    context = film.codec_context
    context.time_base = _TICK if info.is_variable else 1 / info.fps
    context.thread_count = threads
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    return film


def _stamped(picture: Picture, frame: SampledFrame, info: VideoInfo) -> av.VideoFrame:
    made = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p", dst_colorspace="ITU709")
    if info.is_variable:
        made.pts, made.time_base = round(frame.time_s / _TICK), _TICK
    else:
        made.pts, made.time_base = frame.number - 1, 1 / info.fps
    return made


def _even(picture: Picture) -> Picture:
    """H.264 as players want it has an even number of lines and columns: the last is doubled where it must be."""
    height, width = picture.shape[:2]
    if height % 2 == width % 2 == 0:
        return picture
    return cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE).astype(np.uint8)


def _fitting(picture: Picture, film: VideoStream) -> Picture:
    """The picture in the size of the first, where a recording changes it."""
    if picture.shape[:2] == (film.height, film.width):
        return picture
    return cv2.resize(picture, (film.width, film.height), interpolation=cv2.INTER_AREA).astype(np.uint8)
