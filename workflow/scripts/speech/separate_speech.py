"""Take the voice out of one video's sound, as 16 kHz mono FLAC on the video's timeline.

In: a video; the networks of Spleeter's 2stems model. Out: the voice by these, exactly as long as the video; without
networks, the sound as it is. It is silent where the video has no audio stream, or, where unreadable videos are skipped,
none that can be decoded.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.config import AudioConfig
from abaw.media.sound import DECODER
from abaw.running.memory import give_large_memory_back
from abaw.speech import spleeter
from abaw.speech.audio import as_stereo, write_flac
from abaw.speech.resampling import to_mono
from abaw.speech.track import Blocks, add_track, write_track


def main() -> None:
    """Parse the arguments, decode, separate, resample, write."""
    arguments = parser(__doc__)
    add_track(arguments)
    arguments.add_argument("--networks", type=Path, nargs="*", default=[], help="Spleeter's voice and accompaniment")
    arguments.add_argument("--settings", type=settings_from(AudioConfig), required=True)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    give_large_memory_back()
    stems = spleeter.load_stems(args.networks, args.threads)
    rate_hz = args.settings.sample_rate_hz
    made = f"{DECODER}, Spleeter's model in ONNX Runtime" if stems else DECODER

    def write(blocks: Blocks) -> None:
        sound = as_stereo(blocks)
        voice = spleeter.separate(sound, stems) if stems else sound
        write_flac(to_mono(voice, rate_hz), rate_hz, 1, args.output, made)

    write_track(args, write)


if __name__ == "__main__":
    run(main)
