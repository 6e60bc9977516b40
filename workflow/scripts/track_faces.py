"""Find, follow and crop the faces of a video's subjects, in one decoding pass.

In: a video; its subjects (samples and their sides); the settings of `faces`.
Out: a table `faces` with a row for every analysed frame and every subject, with a face or without.
"""

from math import ceil
from pathlib import Path

from _command import parser, run, settings_from
from _faces import write_faces
from pydantic import TypeAdapter

from abaw.config import FacesConfig
from abaw.faces.pipeline import analyse_video
from abaw.faces.tracking import Subject
from abaw.video import probe


def main() -> None:
    """Read the arguments, analyse the video, write the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--video", type=Path, required=True)
    arguments.add_argument(
        "--subjects",
        type=TypeAdapter(list[Subject]).validate_json,
        required=True,
        metavar="JSON",
        help='one or two, as [{"sample": "12-24-1920x1080", "side": null}]; side is "left", "right" or null',
    )
    arguments.add_argument("--settings", type=settings_from(FacesConfig), required=True, metavar="JSON")
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    options = arguments.parse_args()

    expected = ceil(probe(options.video).duration_s * options.settings.analysis_rate_hz)
    frames = analyse_video(options.video, options.subjects, options.settings, options.threads)
    write_faces(frames, [subject.sample for subject in options.subjects], expected, options.output)


if __name__ == "__main__":
    run(main)
