"""Take the audio out of one video, as mono FLAC on the video's timeline.

In: a video. Out: a FLAC file; a silent one of the video's length where it has no audio stream, or,
where unreadable videos are skipped, none that can be decoded.
"""

from pathlib import Path

from _command import parser, run, settings_from

from abaw.config import AudioConfig
from abaw.errors import UserError
from abaw.speech.audio import extract_mono, silence, write_flac
from abaw.video import probe


def main() -> None:
    """Parse the arguments, decode, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--video", type=Path, required=True)
    arguments.add_argument("--settings", type=settings_from(AudioConfig), required=True)
    arguments.add_argument("--on-unreadable", choices=["stop", "skip"], required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    info = probe(args.video)
    rate_hz = args.settings.sample_rate_hz
    track, what = silence(info.duration_s, rate_hz), "of silence, for the video has no audio stream"
    if info.has_audio:
        try:
            track, what = extract_mono(args.video, rate_hz), "of audio"
        except UserError as error:
            if args.on_unreadable == "stop":
                raise
            what = f"of silence, for {error}"
    write_flac(track, rate_hz, args.output)
    print(f"{len(track) / rate_hz:.2f} s {what}: {args.output}")


if __name__ == "__main__":
    run(main)
