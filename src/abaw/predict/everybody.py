"""Everybody in a video: each track that lasts is a subject, numbered by first appearance; nobody is recognised."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from abaw.faces.pipeline import face_row
from abaw.faces.row import Row
from abaw.faces.subjects import TrackedFrame
from abaw.faces.tracking import MAX_GAP_S

LEAST_S = 1.0
"""How long a person is seen at least, from first to last: false faces are shorter."""
MOST_ROWS = 3_000_000
"""Rows of a video's table at most, a row for each frame and subject: an hour at 30 Hz has 27 subjects."""
Wanted = Literal["prominent", "all"] | int


@dataclass
class Seen:
    """When a track is seen, first and last (s), and how much it stands out: score times area over its frames."""

    first_s: float
    last_s: float
    prominence: float = 0.0


class Everybody:
    """Rows of every track of a video, and then which of the tracks are subjects."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self.tracks: dict[int, Seen] = {}

    def rows(self, frames: Iterable[TrackedFrame]) -> Iterator[list[Row]]:
        """Yield for each frame a row of every track that is seen, or that is missed and may come back.

        The sample of a row is the number of its track.
        """
        shot, live = 0, dict[int, Seen]()
        for frame in frames:
            live = live if frame.shot == shot else {}
            shot = frame.shot
            found = []
            for face in frame.faces:
                seen = live.setdefault(face.track, Seen(frame.time_s, frame.time_s))
                seen.last_s = frame.time_s
                seen.prominence += face.face.prominence
                found.append(face_row(str(face.track), frame, face))
            self.tracks |= live
            here = {face.track for face in frame.faces}
            live = {track: seen for track, seen in live.items() if frame.time_s - seen.last_s <= MAX_GAP_S + 1e-9}
            found += [face_row(str(track), frame, None) for track in live if track not in here]
            yield found

    def subjects(self, wanted: Wanted, n_frames: int) -> tuple[dict[str, str], list[str]]:
        """The subject of each track that is kept, both as text, and sentences about people who are left out.

        A number keeps the tracks that stand out most, as far as never more of them are seen at a time; of more people
        than a table of `MOST_ROWS` has room for, those who stand out most are kept, too.
        """
        lasting = [
            track for track, seen in self.tracks.items() if seen.last_s - seen.first_s + self._interval_s >= LEAST_S
        ]
        ranked = sorted(lasting, key=lambda track: (-self.tracks[track].prominence, track))
        kept = ranked if isinstance(wanted, str) else self._at_most(ranked, wanted)
        room = max(1, MOST_ROWS // max(1, n_frames))
        said = []
        if len(kept) > room:
            said = [f"{len(kept)} people are seen, of whom the {room} who stand out most have rows"]
            kept = kept[:room]
        ordered = sorted(kept, key=lambda track: (self.tracks[track].first_s, track))
        return {str(track): str(number) for number, track in enumerate(ordered, start=1)}, said

    def _at_most(self, ranked: list[int], people: int) -> list[int]:
        """Of tracks, best first, those that leave never more than so many people seen at a time."""
        kept: list[int] = []
        for track in ranked:
            own = self.tracks[track]
            beside = [self.tracks[one] for one in kept]
            beside = [seen for seen in beside if seen.first_s <= own.last_s and own.first_s <= seen.last_s]
            begins = [own.first_s, *(seen.first_s for seen in beside if seen.first_s >= own.first_s)]
            crowd = max(sum(seen.first_s <= at <= seen.last_s for seen in beside) for at in begins)
            if crowd < people:
                kept.append(track)
        return kept
