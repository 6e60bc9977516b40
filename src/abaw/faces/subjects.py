"""Whose face belongs to which subject: tracks are given to people (paper §3.2.2; AffWild2's `_left` and `_right`).

Nobody is recognised: a track is given to a person as a whole, and two tracks seen at the same time are two people.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from abaw.faces.detection import Detection
from abaw.faces.mouth import Measured
from abaw.running.errors import BrokenVideoError, UserError

LOOK_AHEAD_S = 20.0
"""How far a track is known when it is given to a person."""
Rule = Literal["prominent", "longest", "largest"]


@dataclass(frozen=True)
class Subject:
    """A person that is followed through a video: the name of their sample, and their side where there are two."""

    sample: str
    side: Literal["left", "right"] | None


def places(subjects: Sequence[Subject]) -> list[int]:
    """Where each subject stands: 0 alone; 0 left and 1 right of two, one of whom may not be asked for or not named.

    Raises `UserError` where there are not one or two subjects, or both stand on one side.
    """
    sides = [subject.side for subject in subjects]
    if len(sides) == 1:
        return [int(sides[0] == "right")]
    if len(sides) != 2 or sides[0] == sides[1]:
        raise UserError(
            f"the subjects of a video are {[(subject.sample, subject.side) for subject in subjects]}; expected is one, "
            "or two on different sides: rename the annotations so that one ends in _left and the other in _right"
        )
    first_is_right = sides[0] == "right" or sides[1] == "left"
    return [int(first_is_right), int(not first_is_right)]


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """A face, the number of its track, and its crop as JPEG, which begins at `corner_px` (x, y) of the frame.

    `mouth` measures on the crop when it is first called: a bystander's never is. So do `later` in the pictures after
    it, where the frame has any.
    """

    track: int
    face: Detection
    crop: bytes
    corner_px: tuple[int, int]
    mouth: Measured
    later: Sequence[Measured] = ()


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """An analysed frame: its number (from 1), its time, its shot (from 0), its width, and the faces in it.

    Where mouths are measured at a rate of their own, `later` has number and time (s) of the frames after it, up to the
    next analysed one, in which they are, and `gives_mouths` says whether they are in this one.
    """

    number: int
    time_s: float
    shot: int
    width_px: int
    faces: Sequence[TrackedFace]
    later: Sequence[tuple[int, float]] = ()
    gives_mouths: bool = True


def cast(
    frames: Iterable[TrackedFrame], people: int, rule: Rule
) -> Iterator[tuple[TrackedFrame, list[TrackedFace | None]]]:
    """Yield each frame with the face of each of one or two people, left to right, None where theirs is not seen.

    When a track begins, all tracks that the next `LOOK_AHEAD_S` of its shot hold are ranked by `rule` over that time:
    `longest` by the number of frames in which they are seen, `largest` by the mean area of the box, `prominent` by
    score times area, summed over the frames. Best first, a track is a person's if at no time more people would be seen
    than there are; who is not is a bystander, for as long as the track lasts.

    Of two tracks seen at the same time the one whose faces lie further left is the left person's, whatever the
    picture's middle. Beside a track whose person is known from such a pair the other is the other person's, if it lies
    on the proper side. A track that is alone goes to whom it begins nearest to in its shot; where neither has been seen
    in the shot, to the half of the picture that it lies in, until a pair tells better.

    Memory holds the crops of `LOOK_AHEAD_S`. Frames before a `BrokenVideoError` come first.
    """
    roles, waiting = _Roles(people, rule), deque[TrackedFrame]()
    broken: BrokenVideoError | None = None
    try:
        for frame in frames:
            waiting.append(frame)
            while frame.time_s - waiting[0].time_s > LOOK_AHEAD_S:
                yield roles.play(waiting)
    except BrokenVideoError as error:
        broken = error
    while waiting:
        yield roles.play(waiting)
    if broken is not None:
        raise broken


class _Span:
    """What is known of a track: when it is seen, where, how well."""

    def __init__(self, track: int, sightings: Sequence[tuple[float, Detection]]) -> None:
        self.track = track
        self.first_s, self.last_s = sightings[0][0], sightings[-1][0]
        self.places = {time_s: float(face.centre[0]) for time_s, face in sightings}
        self.start: NDArray[np.float64] = sightings[0][1].centre
        self.ranks: dict[Rule, float] = {
            "prominent": sum(face.prominence for _, face in sightings),
            "longest": len(sightings),
            "largest": float(np.mean([face.side_px**2 for _, face in sightings])),
        }

    def beside(self, *others: "_Span") -> bool:
        """Whether there is a time that lies in all these spans."""
        spans = (self, *others)
        return max(span.first_s for span in spans) <= min(span.last_s for span in spans)

    def left_of(self, other: "_Span") -> bool:
        """Whether it lies further left, on average over the frames that show both, or over all where none does."""
        times = self.places.keys() & other.places.keys()
        mine, theirs = (
            (float(np.mean([span.places[time] for time in times or span.places])), span.start[0], span.track)
            for span in (self, other)
        )
        return bool(mine < theirs)


class _Roles:
    """Who plays whom: the person of each track, None for a bystander, decided as its first frame is played."""

    def __init__(self, people: int, rule: Rule) -> None:
        self._people, self._rule = people, rule
        self._person: dict[int, int | None] = {}
        self._guessed: set[int] = set()
        self._shot = 0
        self._last: dict[int, NDArray[np.float64]] = {}

    def play(self, waiting: deque[TrackedFrame]) -> tuple[TrackedFrame, list[TrackedFace | None]]:
        """Take the first frame off `waiting`; who is seen in it."""
        if waiting[0].shot != self._shot:
            self._shot = waiting[0].shot
            self._last.clear()
        if any(face.track not in self._person for face in waiting[0].faces):
            self._decide(waiting)
        frame = waiting.popleft()
        seen: list[TrackedFace | None] = [None] * self._people
        for face in frame.faces:
            person = self._person[face.track]
            if person is not None:
                seen[person] = face
                self._last[person] = face.face.centre
        return frame, seen

    def _decide(self, waiting: deque[TrackedFrame]) -> None:
        """Give the tracks of the first frame, and keep of the decisions those about tracks that may come again."""
        spans = _spans(waiting)
        self._person = {track: person for track, person in self._person.items() if track in spans}
        self._guessed &= spans.keys()
        for track in self._person:
            spans[track].first_s = waiting[0].time_s  # it has begun, also where its face is not seen just now
        kept = self._kept(spans)
        for track in (face.track for face in waiting[0].faces):
            if track not in self._person:
                self._person[track] = self._side(track, kept, waiting[0].width_px) if track in kept else None

    def _kept(self, spans: dict[int, _Span]) -> dict[int, _Span]:
        """The tracks that are people's: those that are so already, and the best of the others."""
        kept = {track: spans[track] for track, person in self._person.items() if person is not None}
        undecided = [track for track in spans if track not in self._person]
        for track in sorted(undecided, key=lambda track: (-spans[track].ranks[self._rule], track)):
            crowds = combinations(kept.values(), self._people)
            if not any(spans[track].beside(*crowd) for crowd in crowds) and self._fits(track, spans):
                kept[track] = spans[track]
        return kept

    def _fits(self, track: int, spans: dict[int, _Span]) -> bool:
        """Whether a track lies on the proper side of those whose person is known for certain."""
        known = (one for one, person in self._person.items() if person is not None and one not in self._guessed)
        return self._people == 1 or not any(
            spans[track].beside(spans[one]) and spans[track].left_of(spans[one]) != (self._person[one] == 1)
            for one in known
        )

    def _side(self, track: int, kept: dict[int, _Span], width_px: int) -> int:
        """The person of a track that is one's."""
        span = kept[track]
        partners = [one for one, other in kept.items() if one != track and span.beside(other)]
        if self._people == 1:
            return 0
        if partners:
            partner = next((one for one in partners if self._person.get(one) is not None), partners[0])
            person = int(not span.left_of(kept[partner]))
            if partner in self._guessed:
                self._person[partner] = 1 - person
                self._guessed.discard(partner)
                self._last.clear()
            return person
        self._guessed.add(track)
        if self._last:
            return min(self._last, key=lambda person: float(np.linalg.norm(span.start - self._last[person])))
        return int(span.start[0] > width_px / 2)


def _spans(waiting: Iterable[TrackedFrame]) -> dict[int, _Span]:
    """The tracks of the first frame's shot, in order of appearance."""
    sightings: dict[int, list[tuple[float, Detection]]] = {}
    shot: int | None = None
    for frame in waiting:
        shot = frame.shot if shot is None else shot
        if frame.shot != shot:
            break
        for face in frame.faces:
            sightings.setdefault(face.track, []).append((frame.time_s, face.face))
    return {track: _Span(track, seen) for track, seen in sightings.items()}
