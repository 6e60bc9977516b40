"""Take the faces of a video's subjects from the organisers' crops, without decoding the video.

In: a video, for its frame times; for each subject the folder of their crops, which has the name of their sample.
Out: a table `faces` with a row for every analysed frame and every subject, with a face or without; no boxes.
"""

from math import ceil
from pathlib import Path

from abaw.commands.base import parser, run
from abaw.commands.faces import write_faces
from abaw.faces.organisers import Crops, read_crops
from abaw.media.video import probe


def main() -> None:
    """Read the arguments, import the crops, write the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--video", type=Path, required=True)
    arguments.add_argument("--crops", type=Path, nargs="+", required=True, help="a folder for each subject")
    arguments.add_argument("--rate-hz", type=float, required=True, help="frames analysed per second")
    arguments.add_argument("--output", type=Path, required=True)
    options = arguments.parse_args()

    info = probe(options.video)
    tracks = [Crops.of(folder) for folder in options.crops]
    for track in tracks:
        print(f"{track.sample}: {len(track.by_frame)} crops; {track.n_strays} other entries of the folder are left out")
    frames = read_crops(info, tracks, options.rate_hz)
    expected = ceil(info.duration_s * options.rate_hz)
    write_faces(frames, [track.sample for track in tracks], expected, options.output)


if __name__ == "__main__":
    run(main)
