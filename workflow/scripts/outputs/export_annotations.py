"""Write what was found in a video for the programs of annotators: ELAN, Praat, any player, diarization.

In: a table people, and the video. Out: by the suffix of --out an .eaf (with the .csv and the _tsconf.xml beside it), a
.TextGrid, a .vtt or an .rttm. All times are by the player's clock, except those of ELAN, which is told when to begin.
"""

from collections.abc import Callable
from pathlib import Path

from abaw.commands.base import parser, run
from abaw.commands.outputs import add_output_arguments, read_people
from abaw.media.video import first_shown_s
from abaw.outputs.diarization import rttm
from abaw.outputs.elan import write_elan
from abaw.outputs.people import People
from abaw.outputs.praat import write_textgrid
from abaw.outputs.subtitles import webvtt
from abaw.outputs.tiers import end_ms, tiers_of
from abaw.running.errors import UserError
from abaw.running.files import whole_file


def main() -> None:
    """Parse the arguments, read, write."""
    arguments = parser(__doc__)
    add_output_arguments(arguments)
    args = arguments.parse_args()
    write = WRITERS.get(args.out.suffix)
    if write is None:
        raise UserError(f"{args.out} has the suffix {args.out.suffix!r}, expected one of {', '.join(WRITERS)}")
    for path in write(read_people(args.frames), args.video, first_shown_s(args.video), args.out):
        print(f"written to {path}")


def _elan(people: People, video: Path, start_s: float, out: Path) -> list[Path]:
    return write_elan(people, tiers_of(people, 0), video, start_s, out)


def _praat(people: People, video: Path, start_s: float, out: Path) -> list[Path]:
    write_textgrid(tiers_of(people, start_s), end_ms(people, start_s), out)
    return [out]


def _subtitles(people: People, video: Path, start_s: float, out: Path) -> list[Path]:
    return _text(webvtt(tiers_of(people, start_s)), out)


def _speakers(people: People, video: Path, start_s: float, out: Path) -> list[Path]:
    return _text(rttm(people.video, tiers_of(people, start_s)), out)


def _text(text: str, out: Path) -> list[Path]:
    with whole_file(out) as beside:
        beside.write_text(text, encoding="utf-8")
    return [out]


WRITERS: dict[str, Callable[[People, Path, float, Path], list[Path]]] = {
    ".eaf": _elan,
    ".TextGrid": _praat,
    ".vtt": _subtitles,
    ".rttm": _speakers,
}


if __name__ == "__main__":
    run(main)
