"""Everybody in a video: each person who is seen long enough is a subject, numbered by first appearance.

Without recognition each track is a person of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from abaw.faces.pipeline import face_row
from abaw.faces.row import Row, bare_row
from abaw.faces.subjects import TrackedFrame
from abaw.faces.tracking import MAX_GAP_S
from abaw.speech.mouths import MouthRow, mouth_row

LEAST_S = 1.0
"""How long a person is seen at least, from first to last, or half of what is shorter: false faces are shorter."""
UNSEEN = "faces are seen, but nobody's for long enough (a second, or half of what is shorter): they have no rows"
MOST_ROWS = 3_000_000
"""Rows of a video's table at most, a row for each frame and subject: an hour at 30 Hz has 27 subjects."""
Wanted = Literal["prominent", "all"] | int


@dataclass
class Seen:
    """When a track is seen, first and last (s), how much it stands out: score times area over its frames; and the
    number of the last frame in which it has a row.
    """

    first_s: float
    last_s: float
    prominence: float = 0.0
    until: int = 0


class Person:
    """Somebody, on one track or on several."""

    def __init__(self, name: str, tracks: Sequence[Seen]) -> None:
        self.name = name
        self.spans_s = sorted((seen.first_s, seen.last_s) for seen in tracks)
        self.prominence = sum(seen.prominence for seen in tracks)

    def seen_s(self, interval_s: float) -> float:
        """For how long they are seen."""
        return sum(last - first + interval_s for first, last in self.spans_s)


class Everybody:
    """Rows of every track of a video, and then which of the tracks are subjects."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self.tracks: dict[str, Seen] = {}
        self._frames: list[tuple[int, float]] = []

    def rows(self, frames: Iterable[TrackedFrame]) -> Iterator[list[Row]]:
        """Yield for each frame a row of every track that is seen, or that is missed and may come back.

        The sample of a row is the number of its track.
        """
        shot, live = 0, dict[str, Seen]()
        for frame in frames:
            live = live if frame.shot == shot else {}
            shot = frame.shot
            found = []
            for face in frame.faces:
                seen = live.setdefault(str(face.track), Seen(frame.time_s, frame.time_s))
                seen.last_s = frame.time_s
                seen.prominence += face.face.prominence
                found.append(face_row(str(face.track), frame, face))
            self.tracks |= live
            here = {str(face.track) for face in frame.faces}
            live = {track: seen for track, seen in live.items() if frame.time_s - seen.last_s <= MAX_GAP_S + 1e-9}
            found += [face_row(track, frame, None) for track in live if track not in here]
            for seen in live.values():
                seen.until = frame.number
            self._frames.append((frame.number, frame.time_s))
            yield found

    def subjects(
        self, wanted: Wanted, n_frames: int, person_of: Mapping[str, str] | None = None
    ) -> tuple[dict[str, str], list[str]]:
        """The subject of each track that is kept, both as text, and sentences about people who are left out.

        `person_of` names the person of a track where somebody has been recognised; other tracks are people of their
        own. A number keeps the people who stand out most, as far as never more of them are seen at a time; of more
        people than a table of `MOST_ROWS` has room for, those who stand out most are kept, too.
        """
        tracks: dict[str, list[str]] = {}
        for track in self.tracks:
            tracks.setdefault((person_of or {}).get(track, track), []).append(track)
        people = [Person(name, [self.tracks[track] for track in own]) for name, own in tracks.items()]
        least_s = min(LEAST_S, len(self._frames) * self._interval_s / 2)
        lasting = [person for person in people if person.seen_s(self._interval_s) >= least_s]
        ranked = sorted(lasting, key=lambda person: (-person.prominence, int(person.name)))
        kept = ranked if isinstance(wanted, str) else _at_most(ranked, wanted)
        room = max(1, MOST_ROWS // max(1, n_frames))
        said = [UNSEEN] if people and not kept else []
        if len(kept) > room:
            said = [f"{len(kept)} people are seen, of whom the {room} who stand out most have rows"]
            kept = kept[:room]
        ordered = sorted(kept, key=lambda person: (person.spans_s[0][0], int(person.name)))
        return {
            track: str(number) for number, person in enumerate(ordered, start=1) for track in tracks[person.name]
        }, said

    def subject_rows(self, drafted: Iterable[Row], subject_of: Mapping[str, str]) -> Iterator[list[Row]]:
        """Out of the rows of all tracks, in the order in which `rows` gave them, those of the subjects, frame by frame.

        From a subject's first track to their last they have one row in each frame.
        """
        return self._joined(
            drafted,
            subject_of,
            self._frames,
            lambda row: row["has_face"],
            lambda subject, frame, time_s: bare_row(subject, frame, time_s, has_face=False),
        )

    def subject_mouths(
        self, drafted: Iterable[MouthRow], subject_of: Mapping[str, str], frames: Sequence[tuple[int, float]]
    ) -> Iterator[list[MouthRow]]:
        """The same of the rows of their mouths, in `frames`, by number and time (s)."""
        return self._joined(
            drafted,
            subject_of,
            frames,
            lambda row: row["mouth_opening"] is not None,
            lambda subject, frame, time_s: mouth_row(subject, frame, time_s, None),
        )

    def _joined(
        self,
        drafted: Iterable[Row],
        subject_of: Mapping[str, str],
        frames: Sequence[tuple[int, float]],
        says_something: Callable[[Row], bool],
        bare: Callable[[str, int, float], Row],
    ) -> Iterator[list[Row]]:
        """One row of each subject who is present in each of the frames, out of those of the tracks, frame by frame."""
        until: dict[str, int] = {}
        for track, subject in subject_of.items():
            until[subject] = max(until.get(subject, 0), self.tracks[track].until)
        present: set[str] = set()
        groups = groupby(drafted, lambda row: row["frame"])
        number, rows = next(groups, (0, iter(())))
        for frame, time_s in frames:
            here: dict[str, Row] = {}
            if frame == number:
                for row in rows:
                    own = subject_of.get(row["sample"])
                    if own is not None and (own not in here or says_something(row)):
                        here[own] = row | {"sample": own}
                number, rows = next(groups, (0, iter(())))
            present = {subject for subject in present | here.keys() if frame <= until[subject]}
            missing = sorted(present - here.keys(), key=int)
            yield [*here.values(), *(bare(subject, frame, time_s) for subject in missing)]


def _at_most(ranked: Sequence[Person], number: int) -> list[Person]:
    """Of people, best first, those who leave never more than so many seen at a time."""
    kept: list[Person] = []
    for person in ranked:
        spans = [span for other in kept for span in other.spans_s]
        if all(_crowd(own, spans) < number for own in person.spans_s):
            kept.append(person)
    return kept


def _crowd(own: tuple[float, float], spans: Sequence[tuple[float, float]]) -> int:
    """How many of the spans hold one moment of `own`, at most."""
    beside = [span for span in spans if span[0] <= own[1] and own[0] <= span[1]]
    begins = [own[0], *(first for first, _ in beside if first >= own[0])]
    return max(sum(first <= at <= last for first, last in beside) for at in begins)
