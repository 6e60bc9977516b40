"""Find, follow and crop the faces of a video's subjects, in one decoding pass.

In: a video; its subjects (samples and their sides); the settings of `faces`; the detector's network, where no package
carries it.
Out: a table `faces` with a row for every analysed frame and every subject, with a face or without. A video that breaks
ends the command, or, where unreadable videos are skipped, has no face from there on.
"""

from math import ceil
from pathlib import Path

from pydantic import TypeAdapter

from abaw.commands.base import parser, run, settings_from
from abaw.commands.faces import write_faces
from abaw.config import ComputeConfig, FacesConfig
from abaw.faces.breaks import bridge_break
from abaw.faces.detectors import make_detector
from abaw.faces.pipeline import analyse_video
from abaw.faces.subjects import Subject
from abaw.media.video import analysed_frames, probe


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
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True, metavar="JSON")
    arguments.add_argument("--network", type=Path, nargs="*", help="ONNX file of the detector; none for mediapipe")
    arguments.add_argument("--on-unreadable", choices=["stop", "skip"], required=True)
    arguments.add_argument("--threads", type=int, required=True, help="of the decoder and of who looks at its pictures")
    arguments.add_argument("--output", type=Path, required=True)
    options = arguments.parse_args()

    info, rate_hz = probe(options.video), options.settings.analysis_rate_hz
    samples = [subject.sample for subject in options.subjects]
    network = next(iter(options.network or []), None)
    detector = make_detector(options.settings, options.compute.threads, network, options.compute.device)
    print(f"device of the detector: {options.compute.device}")
    frames = analyse_video(options.video, options.subjects, options.settings, options.threads, detector)
    remarks: dict[str, str] = {}
    if options.on_unreadable == "skip":
        frames = bridge_break(frames, analysed_frames(info, rate_hz), samples, remarks)
    write_faces(frames, samples, ceil(info.duration_s * rate_hz), options.output, remarks)


if __name__ == "__main__":
    run(main)
