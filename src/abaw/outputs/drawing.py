"""What is drawn into a picture: each person's box and label, and the last seconds of their curves."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from abaw.outputs.people import CLASSES, NO_CLASS, People, Person
from abaw.outputs.viewer import COLORS, INKS, VALUE_COLORS

PAST_S = 8.0
"""How much of the curves is seen."""
_MOST_PANELS = 3
_FONT = cv2.FONT_HERSHEY_SIMPLEX
Picture = NDArray[np.uint8]


def draw_people(picture: Picture, people: People, k: int) -> None:
    """Draw into a picture (height x width x 3, uint8, BGR) what is known of the frame at place `k`.

    Sizes follow the height of the picture. A panel at the bottom left holds valence and arousal from `PAST_S` before;
    the first persons that are seen have one.
    """
    seen = [person for person in people.persons if person.has_face[k]]
    for person in seen:
        _draw_box(picture, person, k)
    for place, person in enumerate(seen[:_MOST_PANELS]):
        _draw_curves(picture, people, person, k, place)


def _draw_box(picture: Picture, person: Person, k: int) -> None:
    if np.isnan(person.box_px[k]).any():
        return
    unit = _unit(picture)
    left, top, right, bottom = np.round(person.box_px[k]).astype(int).tolist()
    place = int(person.expression[k])
    color, ink = (_bgr(COLORS[place]), _bgr(INKS[place])) if place != NO_CLASS else ((255, 255, 255), (0, 0, 0))
    cv2.rectangle(picture, (left, top), (right, bottom), color, max(1, round(2 * unit)), cv2.LINE_AA)
    _write(picture, _label(person, k), (left, top), color, ink)


def _label(person: Person, k: int) -> str:
    place = int(person.expression[k])
    name = CLASSES[place] if place != NO_CLASS else ""
    return f"{person.subject} {name}{' (speaks)' if person.speaking[k] else ''}".strip()


def _write(picture: Picture, text: str, at: tuple[int, int], color: tuple[int, ...], ink: tuple[int, ...]) -> None:
    """A label over a corner; under it where there is no room."""
    unit = _unit(picture)
    thick = max(1, round(1.4 * unit))
    (width, height), below = cv2.getTextSize(text, _FONT, 0.5 * unit, thick)
    high = height + below + 2
    left, top = max(0, min(at[0], picture.shape[1] - width)), at[1] - high if at[1] >= high else at[1]
    cv2.rectangle(picture, (left, top), (left + width, top + high), color, cv2.FILLED)
    cv2.putText(picture, text, (left, top + height + 1), _FONT, 0.5 * unit, ink, thick, cv2.LINE_AA)


def _draw_curves(picture: Picture, people: People, person: Person, k: int, place: int) -> None:
    tall, wide = picture.shape[:2]
    height, width = tall // 8, wide // 4
    left, top = wide // 50, tall - (place + 1) * (height + tall // 50)
    if height < 8 or width < 16 or top < 0:
        return
    panel = picture[top : top + height, left : left + width]
    panel[:] = panel // 3
    cv2.line(panel, (0, height // 2), (width - 1, height // 2), (110, 110, 110), 1)
    now_s = people.time_s[k]
    first = int(np.searchsorted(people.time_s, now_s - PAST_S))
    x = (people.time_s[first : k + 1] - now_s + PAST_S) / PAST_S * (width - 1)
    for values, color in zip(person.values[first : k + 1].T, VALUE_COLORS, strict=True):
        y = (1 - values) / 2 * (height - 1)
        for stretch in _known(np.column_stack([x, y])):
            cv2.polylines(
                panel, [np.round(stretch).astype(np.int32)], False, _bgr(color), max(1, round(_unit(picture)))
            )
    cv2.putText(
        panel, str(person.subject), (2, height - 3), _FONT, 0.4 * _unit(picture), (230, 230, 230), 1, cv2.LINE_AA
    )


def _known(points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The points (n, 2) in stretches without NaN."""
    known = ~np.isnan(points).any(axis=1)
    cuts = np.flatnonzero(np.diff(known)) + 1
    parts = zip(np.split(points, cuts), np.split(known, cuts), strict=True)
    return [part for part, is_known in parts if len(part) and is_known[0]]


def _unit(picture: Picture) -> float:
    """1 for a picture of 480 lines, more for larger ones."""
    return max(0.6, picture.shape[0] / 480)


@cache
def _bgr(color: str) -> tuple[int, int, int]:
    text = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    red, green, blue = bytes.fromhex(text)
    return blue, green, red
