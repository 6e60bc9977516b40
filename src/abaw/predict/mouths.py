"""The table `mouths`: rows of an analysed frame and of those after it in which mouths are measured."""

from collections.abc import Iterable

from abaw.faces.subjects import TrackedFace, TrackedFrame
from abaw.speech.mouths import MouthRow, mouth_row


def mouth_rows(frame: TrackedFrame, faces: Iterable[tuple[str, TrackedFace | None]]) -> list[MouthRow]:
    """The rows of some samples, in the order of the frames; None stands for somebody who is not seen."""
    found = []
    for sample, face in faces:
        if frame.gives_mouths:
            found.append(mouth_row(sample, frame.number, frame.time_s, None if face is None else face.mouth()))
        for place, (number, time_s) in enumerate(frame.later):
            found.append(mouth_row(sample, number, time_s, None if face is None else face.later[place]()))
    return sorted(found, key=lambda row: row["frame"])


def mouth_times(frame: TrackedFrame) -> list[tuple[int, float]]:
    """Number and time (s) of the frames that they are of."""
    return [*([(frame.number, frame.time_s)] if frame.gives_mouths else []), *frame.later]
