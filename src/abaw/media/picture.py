"""The picture that a player shows: upright, not mirrored, in true shape, without combs, in the range of a screen."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from abaw.media.tones import WIDE_TRANSFERS, color_table

SQUARE = 0.01
"""Pixels that are narrower or wider than square ones by less than this are taken for square."""
MOST_SQUEEZED = 4.0
"""What a container says beyond this is damage, not shape: the widest in use are below 3."""
_EXACT_DEG = 0.05
LONGEST_SIDE_PX = 16_384
"""Of a picture in true shape: beyond 32,766 MediaPipe's own copy of OpenCV ends the process."""


class HugePictureError(ValueError):
    """A picture that is larger than detectors take; `strerror` says so, as the errors of ffmpeg do."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self.strerror = f"a picture of {width_px} x {height_px} px is larger than {LONGEST_SIDE_PX} px a side"
        super().__init__(self.strerror)


class Turn(NamedTuple):
    """How a stored picture is laid for showing: mirrored left to right first, then turned by quarters anticlockwise.

    `off_deg` is what the container says beyond these quarters, in degrees: a player turns by it too, this reader not.
    """

    quarters: int = 0
    mirrored: bool = False
    off_deg: float = 0.0

    def lay(self, picture: np.ndarray) -> np.ndarray:
        """Turn the pixels (height x width x 3)."""
        return np.rot90(picture[:, ::-1] if self.mirrored else picture, self.quarters)

    @property
    def is_exact(self) -> bool:
        """Whether the container says a turn by quarters."""
        return abs(self.off_deg) < _EXACT_DEG


def turn_of(frame: VideoFrame) -> Turn:
    """The turn that a display matrix asks for: the nearest of the eight by quarters, with or without a mirror.

    The matrix maps stored x (right) and y (down) to shown ones, as rows of 16.16 fixed point (ISO/IEC 14496-12, 6.2.2).
    """
    own = SideDataContainer(frame)  # type: ignore[call-arg]  # `frame.side_data` would keep it until a collection
    data: Any = own.get("DISPLAYMATRIX")
    if data is None or len(bytes(data)) < 36:
        return Turn()
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32, 5).astype(np.float64)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    if a == b == 0:
        return Turn()
    anticlockwise_deg = float(np.degrees(np.arctan2(-b, a)))
    quarters = round(anticlockwise_deg / 90)
    return Turn(quarters % 4, bool(mirrored), anticlockwise_deg - 90 * quarters)


def true_size(width_px: int, height_px: int, aspect: Fraction | None) -> tuple[int, int]:
    """The size (width, height) in square pixels, where stored ones are `aspect` times as wide as high; none smaller."""
    if not aspect or abs(aspect - 1) < SQUARE or not 1 / MOST_SQUEEZED <= aspect <= MOST_SQUEEZED:
        return width_px, height_px
    return (round(width_px * aspect), height_px) if aspect > 1 else (width_px, round(height_px / aspect))


@dataclass(frozen=True, eq=False)
class Around:
    """A frame between those before and after it, where there are any."""

    frame: VideoFrame
    before: VideoFrame | None = None
    after: VideoFrame | None = None


class Pictures:
    """Makes pictures (height x width x 3, uint8, BGR) of frames of one stream, whose size and form may change."""

    def __init__(self, aspect: Fraction | None) -> None:
        self._aspect = aspect
        self._scaler = VideoReformatter()
        self._filters: dict[tuple[object, ...], Callable[[VideoFrame], VideoFrame]] = {}

    def bgr(self, around: Around) -> np.ndarray:
        """The picture as a player shows it. Raises `HugePictureError` where it is larger than detectors take."""
        frame = around.frame
        turn = turn_of(frame)
        width, height = true_size(frame.width, frame.height, self._aspect)
        if max(width, height) > LONGEST_SIDE_PX:
            raise HugePictureError(width, height)
        if frame.interlaced_frame:
            frame = deinterlaced(around)
        if int(frame.color_trc) in WIDE_TRANSFERS:
            frame = self._toned(frame)
        return turn.lay(self._scaler.reformat(frame, width, height, "bgr24", threads=1).to_ndarray())

    def _toned(self, frame: VideoFrame) -> VideoFrame:
        """A frame of high dynamic range as a screen of the standard range shows it."""
        form = (frame.width, frame.height, frame.format.name, int(frame.color_trc), int(frame.colorspace))
        if form not in self._filters:
            self._filters = {form: _by_table(frame)}
        return self._filters[form](frame)


def deinterlaced(around: Around) -> VideoFrame:
    """A frame whose lines are two moments as the first of them, by bwdif, with what the frames beside it show."""
    middle = around.frame
    beside = [
        other if other is not None and _alike(other, middle) else middle for other in (around.before, around.after)
    ]
    graph = Graph()
    _chain(graph, _source(graph, middle), ("bwdif", "mode=send_frame:deint=all"), ("buffersink", ""))
    for place, frame in enumerate((beside[0], middle, beside[1])):
        graph.push(_stamped(frame, place))
    graph.push(None)
    graph.pull()
    return graph.pull()  # type: ignore[return-value]


def _alike(one: VideoFrame, other: VideoFrame) -> bool:
    return (one.width, one.height, one.format.name) == (other.width, other.height, other.format.name)


def _by_table(frame: VideoFrame) -> Callable[[VideoFrame], VideoFrame]:
    """A filter that puts each colour of a form of frames where `color_table` says."""
    graph = Graph()
    table = VideoFrame.from_ndarray(color_table(int(frame.color_trc)), format="rgb48le")
    table.pts, table.time_base = 0, Fraction(1, 1000)
    source = _source(graph, frame)
    clut = graph.add("haldclut", "interp=tetrahedral:shortest=0:repeatlast=1")
    colors = _source(graph, table)
    _chain(graph, source, ("format", "rgb48le"), to=clut)
    colors.link_to(clut, 0, 1)
    _chain(graph, clut, ("format", "bgr24"), ("buffersink", ""))
    colors.push(table)
    colors.push(None)
    places = iter(range(1 << 62))

    def toned(frame: VideoFrame) -> VideoFrame:
        source.push(_stamped(frame, next(places)))
        return graph.pull()  # type: ignore[return-value]

    return toned


def _stamped(frame: VideoFrame, place: int) -> VideoFrame:
    """The frame at a time of its own: filters want them to rise."""
    frame.pts, frame.time_base = place, Fraction(1, 1000)
    return frame


def _source(graph: Graph, frame: VideoFrame) -> FilterContext:
    return graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:pixel_aspect=1/1"
        f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
    )


def _chain(graph: Graph, first: FilterContext, *filters: tuple[str, str], to: FilterContext | None = None) -> None:
    """Put filters after one another, and the last into `to`; without that the graph is whole."""
    last = first
    for name, options in filters:
        following = graph.add(name, options) if options else graph.add(name)
        last.link_to(following)
        last = following
    if to is not None:
        last.link_to(to, 0, 0)
    else:
        graph.configure()
