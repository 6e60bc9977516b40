"""Take the audio out of one video, as 44.1 kHz stereo FLAC on the video's timeline.

In: a video. Out: a FLAC file; a silent one of the video's length where it has no audio stream, or,
where unreadable videos are skipped, none that can be decoded.
"""

from pathlib import Path

import imageio_ffmpeg
from _command import parser, run

from abaw.errors import UserError
from abaw.speech.audio import MIXTURE_RATE_HZ, extract_stereo, silence, write_flac
from abaw.video import probe


def main() -> None:
    """Parse the arguments, decode, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--video", type=Path, required=True)
    arguments.add_argument("--on-unreadable", choices=["stop", "skip"], required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    info = probe(args.video)
    reason = None if info.has_audio else "the video has no audio stream"
    length = 0
    if reason is None:
        try:
            length = write_flac(extract_stereo(args.video), MIXTURE_RATE_HZ, 2, args.output)
        except UserError as error:
            if args.on_unreadable == "stop":
                raise
            reason = str(error)
    if reason is not None:
        length = write_flac([silence(info.duration_s)], MIXTURE_RATE_HZ, 2, args.output)
    what = f"of silence, for {reason}" if reason else f"of audio, by ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}"
    print(f"{length / MIXTURE_RATE_HZ:.2f} s {what}: {args.output}")


if __name__ == "__main__":
    run(main)
