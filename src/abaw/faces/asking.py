"""When the detector is asked: of a shot's first and last frame, every so often in between, and where it is in doubt.

Between two frames whose faces are the same people's at nearly the same places, a face lies on the way from the one to
the other; if that is in doubt, the detector is asked about the frames in between as well.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from abaw.faces.cuts import CutFinder
from abaw.faces.detection import Detection, Detector
from abaw.faces.tracking import overlaps, paired
from abaw.media.video import SampledFrame

SAME_SHAPE = 0.03
"""By how much the shape of the pictures may change in mid-stream where only their size does; beyond it, it is a cut."""
LEAST_OVERLAP = 0.6
"""Intersection over union of a face's boxes in two frames, from which on those in between need no detector."""
MOST_HELD = 2
"""Of more people than this the detector is always asked: the mesh of each, which tells a doubt, would cost more."""
SLACK_S = 0.05
"""How much earlier than asked for the detector is asked: frames do not lie exactly at the analysis times."""


@dataclass(frozen=True, eq=False)
class Look:
    """An analysed frame: whether it begins a shot, how many times as wide it is as the frame before, and its faces.

    `asked` says whether these are what the detector found; else they lie between those of the frames around. `later`
    are the pictures after it that are not analysed, up to the next that is.
    """

    frame: SampledFrame
    is_cut: bool
    growth: float
    faces: Sequence[Detection] = ()
    asked: bool = True
    later: Sequence[SampledFrame] = ()

    @property
    def time_s(self) -> float:
        """The frame's time."""
        return self.frame.time_s


def looks(frames: Iterable[SampledFrame]) -> Iterator[Look]:
    """The analysed frames with their cuts: other colours, or pictures of another shape."""
    cuts = CutFinder()
    before: tuple[int, ...] = ()
    for frame, later in _analysed(frames):
        is_cut, size = cuts.is_cut(frame.bgr), frame.bgr.shape[:2]
        before = before or size
        turned = abs(size[0] * before[1] / (size[1] * before[0]) - 1) > SAME_SHAPE
        yield Look(frame, is_cut or turned, size[1] / before[1], later=later)
        before = size


def _analysed(frames: Iterable[SampledFrame]) -> Iterator[tuple[SampledFrame, list[SampledFrame]]]:
    """The frames of the first rate, each with those of the other one that follow; where there is one rate, at once."""
    waiting: list[SampledFrame] = []
    for frame in frames:
        if len(frame.taken) == 1:
            yield frame, []
        elif not frame.taken[0]:
            waiting += [frame] if waiting else []
        else:
            if waiting:
                yield waiting[0], waiting[1:]
            waiting = [frame]
    if waiting:
        yield waiting[0], waiting[1:]


def ask(frames: Iterable[Look], detector: Detector, every_s: float | None) -> Iterator[Look]:
    """Yield the frames with their faces, best first; where `every_s` is None the detector is asked about every one.

    It is asked about up to `detector.batch` frames at a time; memory holds as many, or those of `every_s`.
    """
    before: Look | None = None
    for runs in _batches(_runs(frames, every_s), detector.batch):
        found = detector.detect_batch([run[-1].frame.bgr for run in runs])
        for run, faces in zip(runs, found, strict=True):
            last = replace(run[-1], faces=faces)
            if before is not None and run[:-1]:
                yield from _between(before, run[:-1], last, detector)
            yield last
            before = last


def _runs(frames: Iterable[Look], every_s: float | None) -> Iterator[list[Look]]:
    """The frames in runs, of whose last one the detector is asked. The first of a shot is a run of its own."""
    run: list[Look] = []
    asked_s: float | None = None
    for look in frames:
        begins = asked_s is None or every_s is None or look.is_cut or look.growth != 1
        if begins and run:
            yield run
            run = []
        run.append(look)
        if asked_s is None or every_s is None or begins or look.time_s - asked_s >= every_s - SLACK_S:
            yield run
            asked_s, run = look.time_s, []
    if run:
        yield run


def _batches(runs: Iterable[list[Look]], size: int) -> Iterator[list[list[Look]]]:
    """Up to `size` frames of one shape at a time, at least one run."""
    batch: list[list[Look]] = []
    for run in runs:
        same = not batch or run[0].frame.bgr.shape == batch[0][0].frame.bgr.shape
        if batch and (not same or sum(map(len, batch)) + len(run) > size):
            yield batch
            batch = []
        batch.append(run)
    if batch:
        yield batch


def _between(before: Look, frames: Sequence[Look], after: Look, detector: Detector) -> Iterator[Look]:
    """Frames between two about which the detector was asked, with their faces."""
    pairs = _held(before.faces, after.faces)
    if pairs is None:
        found = detector.detect_batch([look.frame.bgr for look in frames])
        yield from (replace(look, faces=faces) for look, faces in zip(frames, found, strict=True))
        return
    for look in frames:
        share = (look.time_s - before.time_s) / (after.time_s - before.time_s)
        faces = [on_the_way(before.faces[pairs[k]], face, share) for k, face in enumerate(after.faces)]
        yield replace(look, faces=faces, asked=False)


def _held(before: Sequence[Detection], after: Sequence[Detection]) -> dict[int, int] | None:
    """Which face of the frame before each of a later one is; None where that is in doubt."""
    if len(before) != len(after) or len(after) > MOST_HELD:
        return None
    pairs = paired(before, after)
    moved = any(_overlap(before[one], after[other]) < LEAST_OVERLAP for other, one in pairs.items())
    touch = any(len(faces) == MOST_HELD and _overlap(*faces) > 0 for faces in (before, after))
    return None if len(pairs) < len(after) or moved or touch else pairs


def _overlap(one: Detection, other: Detection) -> float:
    return float(overlaps(one.box[None], other.box[None])[0, 0])


def on_the_way(one: Detection, other: Detection, share: float) -> Detection:
    """A face so far on the way from one place to another, 0 to 1."""
    return Detection(
        (1 - share) * one.box + share * other.box,
        (1 - share) * one.score + share * other.score,
        (1 - share) * one.points + share * other.points,
    )
