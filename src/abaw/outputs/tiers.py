"""What was found as labelled stretches in whole milliseconds: what ELAN, Praat, subtitles and RTTM are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from abaw.outputs.people import CLASSES, People, Run, expression_runs, speaking_runs

Kind = Literal["expression", "speaking"]


class Stretch(NamedTuple):
    """A label from a time to a later one, in milliseconds by the player's clock."""

    start_ms: int
    end_ms: int
    label: str


@dataclass(frozen=True)
class Tier:
    """What one person expresses, or when they speak: stretches in order, none empty, none over another."""

    kind: Kind
    subject: int
    stretches: tuple[Stretch, ...]

    @property
    def name(self) -> str:
        """`expression_1`, say."""
        return f"{self.kind}_{self.subject}"


def tiers_of(people: People, start_s: float) -> list[Tier]:
    """Two tiers for each person, their expressions while seen and when they speak; the latter where anybody listened.

    `start_s` is when the player shows the first frame: all times are by its clock.
    """
    found = []
    for person in people.persons:
        expressions = _stretches(expression_runs(people, person), CLASSES, start_s)
        found.append(Tier("expression", person.subject, expressions))
        if person.knows_speech:
            speech = _stretches(speaking_runs(people, person), ("", "speaks"), start_s)
            found.append(Tier("speaking", person.subject, speech))
    return found


def _stretches(runs: Iterable[Run], labels: tuple[str, ...], start_s: float) -> tuple[Stretch, ...]:
    """The runs with their bounds rounded, so that those that touch still do; what is empty then is left out."""
    found: list[Stretch] = []
    for run in runs:
        begin, end = (round((bound + start_s) * 1000) for bound in (run.start_s, run.end_s))
        if end > begin:
            found.append(Stretch(begin, end, labels[run.value]))
    return tuple(found)


def in_order(tiers: Iterable[Tier], kind: Kind) -> list[tuple[int, Stretch]]:
    """The stretches of all persons of a kind with their subjects, by start, then subject."""
    every = [(tier.subject, stretch) for tier in tiers if tier.kind == kind for stretch in tier.stretches]
    return sorted(every, key=lambda one: (one[1].start_ms, one[0]))


def end_ms(people: People, start_s: float) -> int:
    """When the last frame ends, by the player's clock."""
    return round((people.end_s + start_s) * 1000)
