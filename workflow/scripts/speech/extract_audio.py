"""Take the audio out of one video, as 44.1 kHz stereo FLAC on the video's timeline, for Spleeter's own program.

In: a video. Out: a FLAC file exactly as long as the video; a silent one where it has no audio stream, or, where
unreadable videos are skipped, none that can be decoded.
"""

from pathlib import Path

from abaw.commands.base import parser, run
from abaw.media.sound import DECODER, MIXTURE_RATE_HZ
from abaw.speech.audio import write_flac
from abaw.speech.track import add_track, write_track


def main() -> None:
    """Parse the arguments, decode, write."""
    arguments = parser(__doc__)
    add_track(arguments)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()
    write_track(args, lambda blocks: write_flac(blocks, MIXTURE_RATE_HZ, 2, args.output, comment=DECODER))


if __name__ == "__main__":
    run(main)
