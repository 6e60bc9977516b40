"""Who plays in which video of the demo corpus: the special cases first, so that a small corpus has them too.

Names, frame rates and row counts take the forms that AffWild2 has: stems that end in digits after an underscore, two
people with regular and irregular suffixes, rates that are no integers, one row more than frames, some rows fewer.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from abaw.tasks import Split, TaskName

BOTH: tuple[TaskName, ...] = ("va", "expr")
_NTSC, _FILM, _ODD, _SLOW = Fraction(30000, 1001), Fraction(24000, 1001), Fraction(1019, 50), Fraction(15, 2)

SPLIT_OF: dict[str, Split] = {
    "amber": "train",
    "basil": "train",
    "cedar": "train",
    "drake": "train",
    "ebony": "val",
    "flint": "val",
    "grace": "test",
}
"""No identity crosses the splits."""


@dataclass(frozen=True)
class Role:
    """One annotated person of a video: `suffix` is "", "_left" or "_right", `extra_rows` the rows beyond the frames."""

    identity: str
    suffix: str = ""
    extra_rows: int = 0
    speaks: bool = True
    invalid: bool = False
    away: bool = False
    mirrored: bool = False


@dataclass(frozen=True)
class Cast:
    """One video: its roles stand from left to right."""

    path: str
    fps: Fraction
    size_px: tuple[int, int]
    roles: tuple[Role, ...]
    tasks: tuple[TaskName, ...] = BOTH
    noise: Literal["hiss", "music"] | None = None
    snr_db: float | None = None


_SMALL, _MIDDLE, _WIDE = (320, 240), (360, 288), (480, 270)

CASTING: tuple[Cast, ...] = (
    Cast(
        "batch1/video29.mp4",
        Fraction(30),
        _WIDE,
        (Role("amber", "_left", extra_rows=1), Role("basil", "_right", extra_rows=1, speaks=False)),
    ),
    Cast("new_vids/476.avi", Fraction(25), _SMALL, (Role("ebony"),)),
    Cast("batch1/12-24-1920x1080.mp4", _FILM, _MIDDLE, (Role("cedar", extra_rows=1),)),
    Cast("batch2/8-30-1280x720.mp4", _NTSC, _SMALL, (Role("grace", extra_rows=1),), noise="hiss", snr_db=20),
    Cast("batch1/video86_2.avi", _ODD, _MIDDLE, (Role("drake", extra_rows=-3, invalid=True),)),
    Cast(
        "batch1/10-60-1280x720.mp4",
        Fraction(30),
        _WIDE,
        (Role("flint", extra_rows=1), Role("ebony", "_right", extra_rows=-2, mirrored=True)),
    ),
    Cast("batch2/102.mp4", _SLOW, _SMALL, (Role("grace", mirrored=True),)),
    Cast("batch2/video59.mp4", Fraction(25), _SMALL, (Role("cedar", extra_rows=-11, away=True, mirrored=True),)),
    Cast("new_vids/451.mp4", Fraction(30), _SMALL, (Role("amber", speaks=False, mirrored=True),), noise="music"),
    Cast("batch1/video10_1.avi", _NTSC, _SMALL, (Role("flint", extra_rows=1, invalid=True),)),
    Cast("batch1/21-24-1920x1080.mp4", _FILM, _MIDDLE, (Role("basil"),), noise="music", snr_db=15),
    Cast("batch1/137-30-1920x1080.mp4", Fraction(30), _SMALL, (Role("drake", extra_rows=1, mirrored=True),), ("va",)),
    Cast("batch1/video45_3.mp4", _ODD, _SMALL, (Role("amber", extra_rows=-1),), ("expr",)),
    Cast(
        "batch2/99.avi", Fraction(25), _MIDDLE, (Role("basil", extra_rows=1, mirrored=True),), noise="hiss", snr_db=15
    ),
    Cast("batch1/4-30-1920x1080.mp4", Fraction(30), _MIDDLE, (Role("ebony", mirrored=True),), ("va",), "hiss", 20),
    Cast("batch2/33-30-1280x720.mp4", _NTSC, _SMALL, (Role("flint", extra_rows=1, mirrored=True),), ("expr",)),
    Cast("batch2/video72.avi", _SLOW, _SMALL, (Role("grace", extra_rows=1),), ("expr",)),
    Cast("batch1/40-30-1280x720.mp4", _NTSC, _SMALL, (Role("cedar", extra_rows=1),), noise="music", snr_db=20),
    Cast(
        "batch1/video5.mp4",
        _NTSC,
        _WIDE,
        (Role("drake", "_left", mirrored=True), Role("cedar", "_right", extra_rows=1)),
        noise="hiss",
        snr_db=25,
    ),
    Cast("new_vids/460.mp4", Fraction(25), _MIDDLE, (Role("grace"),)),
    Cast("batch2/7-30-1920x1080.mp4", Fraction(30), _SMALL, (Role("basil", extra_rows=1),)),
    Cast("batch1/video88.mp4", _NTSC, _MIDDLE, (Role("amber", extra_rows=1),), noise="hiss", snr_db=20),
    Cast("batch1/112-30-640x360.mp4", Fraction(30), _SMALL, (Role("ebony", extra_rows=1),), noise="music", snr_db=20),
    Cast("batch2/318.avi", Fraction(25), _SMALL, (Role("drake"),)),
    Cast("new_vids/499.mp4", _NTSC, _SMALL, (Role("grace", extra_rows=1, mirrored=True),)),
    Cast("batch2/video61_1.mp4", _FILM, _SMALL, (Role("cedar", extra_rows=1, mirrored=True),)),
    Cast("batch1/77-30-1280x720.mp4", Fraction(30), _SMALL, (Role("basil", extra_rows=1, mirrored=True),)),
)
