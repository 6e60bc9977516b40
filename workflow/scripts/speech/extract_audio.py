"""Take the audio out of one video, as 44.1 kHz stereo FLAC on the video's timeline.

In: a video. Out: a FLAC file exactly as long as the video; a silent one where it has no audio stream, or, where
unreadable videos are skipped, none that can be decoded.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abaw.commands.base import parser, run
from abaw.media.sound import DECODER, MIXTURE_RATE_HZ, extract_stereo, sound_track
from abaw.media.video import probe
from abaw.running.errors import UserError
from abaw.speech.audio import as_long_as, write_flac


def main() -> None:
    """Parse the arguments, decode, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--video", type=Path, required=True)
    arguments.add_argument("--on-unreadable", choices=["stop", "skip"], required=True)
    arguments.add_argument("--sound-track", required=True, metavar="N", help="of several, from 1; or default")
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    info = probe(args.video)
    reason = None if info.has_audio else "the video has no audio stream"
    try:
        blocks = heard(args.video, args.sound_track, info.duration_s) if info.has_audio else iter(())
        write_track(blocks, info.duration_s, args.output)
    except UserError as error:
        if args.on_unreadable == "stop":
            raise
        reason = str(error)
        write_track(iter(()), info.duration_s, args.output)
    what = f"of silence, for {reason}" if reason else f"of audio, by {DECODER}"
    print(f"{info.duration_s:.2f} s {what}: {args.output}")


def heard(video: Path, number: str, length_s: float) -> Iterator[NDArray[np.int16]]:
    """The sound in blocks; where there are several tracks, it says which."""
    track = sound_track(video, None if number == "default" else int(number))
    if track.said:
        print(f"{video} has {track.said}")
    yield from extract_stereo(video, track, length_s)


def write_track(blocks: Iterable[NDArray[np.int16]], duration_s: float, path: Path) -> None:
    """Write the blocks as FLAC of exactly the video's duration, with the decoder's version in its comment."""
    write_flac(as_long_as(blocks, duration_s), MIXTURE_RATE_HZ, 2, path, comment=DECODER)


if __name__ == "__main__":
    run(main)
