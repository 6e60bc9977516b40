"""One row of the table `faces`."""

from typing import Any

from abaw.tables.schemas import SCHEMAS

Row = dict[str, Any]


def bare_row(sample: str, frame: int, time_s: float, has_face: bool) -> Row:
    """A row that says where it belongs and nothing about a face."""
    row: Row = dict.fromkeys(SCHEMAS["faces"].names)
    return row | {"sample": sample, "frame": frame, "time_s": time_s, "has_face": has_face}
