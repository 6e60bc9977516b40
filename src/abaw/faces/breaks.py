"""What becomes of a video that breaks while it is decoded, where `corpus.on_unreadable` is skip."""

from collections.abc import Iterable, Iterator, Sequence

from abaw.faces.row import Row, bare_row
from abaw.running.errors import BrokenVideoError

BROKEN = "broken"
"""The key of a faces table's metadata that holds the sentence about a break."""


def bridge_break(
    frames: Iterable[list[Row]],
    promised: Iterable[tuple[int, float]],
    samples: Sequence[str],
    remarks: dict[str, str],
) -> Iterator[list[Row]]:
    """Yield the rows of `frames`; after a break, those of the frames that the container promises, without a face.

    `promised` are number and time (s) of all analysed frames by the container alone. The sentence about the break goes
    into `remarks` under `BROKEN`.
    """
    last = 0
    try:
        for rows in frames:
            last = rows[0]["frame"]
            yield rows
    except BrokenVideoError as error:
        remarks[BROKEN] = str(error)
        for number, time_s in promised:
            if number > last:
                yield [bare_row(sample, number, time_s, has_face=False) for sample in samples]
