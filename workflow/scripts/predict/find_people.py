"""Find and follow the people in one video: the one who stands out, everybody, or so many at a time.

In: a video; the bundle's settings of `faces`; the networks of the detector, where no package carries it, and of a
recogniser, if there is one. Out: a table `faces` whose samples are the numbers of the subjects, by first appearance.
Of a video that breaks, nobody is seen from there on.
"""

import argparse
import heapq
from collections.abc import Iterator, Mapping
from math import ceil, inf
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import TypeAdapter
from tqdm import tqdm

from abaw.commands.base import parser, run, settings_from
from abaw.commands.faces import write_faces
from abaw.config import ComputeConfig, FacesConfig
from abaw.faces.breaks import BROKEN, bridge_break
from abaw.faces.detectors import make_detector
from abaw.faces.pipeline import analyse_video, tracked_frames
from abaw.faces.recognition import Recogniser
from abaw.faces.row import Row
from abaw.faces.subjects import Subject
from abaw.media.video import VideoInfo, analysed_frames, probe
from abaw.predict.everybody import Everybody, Wanted
from abaw.predict.recognising import COLUMNS, MOST_TRACKS, embeddings_of, portraits, same_people
from abaw.running.errors import BrokenVideoError
from abaw.tables.files import read_groups, table_writer
from abaw.tables.schemas import SCHEMAS
from abaw.weights.manifest import Weights

LEFT_OUT = "left_out"
"""The key of the table's metadata that holds a sentence about people without rows."""


def main() -> None:
    """Read the arguments, follow, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--video", type=Path, required=True)
    arguments.add_argument("--subjects", type=TypeAdapter(Wanted).validate_json, required=True, metavar="JSON")
    arguments.add_argument("--from-s", type=float, required=True)
    arguments.add_argument(
        "--to-s", type=float, nargs="?", const=inf, required=True, help="the video's end without a value"
    )
    arguments.add_argument("--settings", type=settings_from(FacesConfig), required=True, metavar="JSON")
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True, metavar="JSON")
    arguments.add_argument("--network", type=Path, nargs="*", help="ONNX file of the detector; none for mediapipe")
    arguments.add_argument("--recogniser", type=Path, nargs="*", help="ONNX file of a recogniser; none: nobody is")
    arguments.add_argument("--weights", nargs="?", help="the recogniser's entry of the manifest, as JSON")
    arguments.add_argument(
        "--same-person", type=float, nargs="?", help="cosine from which on two faces are one person's"
    )
    arguments.add_argument("--threads", type=int, required=True, help="of the decoder; 2 or more decode ahead")
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    info, rate_hz = probe(args.video), args.settings.analysis_rate_hz
    network = next(iter(args.network or []), None)
    detector = make_detector(args.settings, args.compute.threads, network, args.compute.device)
    span_s = (args.from_s, args.to_s)
    if args.subjects == "prominent":
        remarks: dict[str, str] = {}
        frames = analyse_video(args.video, [Subject("1", None)], args.settings, args.threads, detector, span_s)
        within = ((n, at_s) for n, at_s in analysed_frames(info, rate_hz) if span_s[0] <= at_s < span_s[1])
        whole = bridge_break(frames, within, ["1"], remarks)
        write_faces(whole, ["1"], ceil(info.duration_s * rate_hz), args.output, remarks)
        return
    everybody = Everybody(1 / rate_hz)
    tracked = tracked_frames(args.video, args.settings, args.threads, detector, span_s, careful=True)
    with TemporaryDirectory() as folder:
        draft = Path(folder) / "tracks.parquet"
        broken = write_tracks(everybody.rows(tracked), info, rate_hz, draft)
        person_of = recognised(args, everybody, info, draft) if args.recogniser else {}
        write_subjects(args, everybody, person_of, info.n_frames, draft, broken)


def write_tracks(frames: Iterator[list[Row]], info: VideoInfo, rate_hz: float, draft: Path) -> str | None:
    """Write the rows of all tracks; the sentence about a break, if there is one."""
    expected = ceil(info.duration_s * rate_hz)
    with table_writer("faces", draft) as write:
        try:
            for rows in tqdm(frames, total=expected, unit="frame", desc=draft.stem, disable=None):
                write(rows)
        except BrokenVideoError as error:
            return str(error)
    return None


def recognised(args: argparse.Namespace, everybody: Everybody, info: VideoInfo, draft: Path) -> dict[str, str]:
    """The person of each track whose face can be recognised."""
    weights = Weights.model_validate_json(args.weights)
    recogniser = Recogniser(args.recogniser[0], weights, args.compute.threads, args.compute.device)
    faces = portraits(read_groups("faces", draft, COLUMNS))
    most = heapq.nlargest(MOST_TRACKS, faces, key=lambda track: everybody.tracks[track].prominence)
    embeddings = embeddings_of(
        {track: faces[track] for track in most}, recogniser, args.settings.margin_px, info.width_px, info.height_px
    )
    spans_s = {track: (everybody.tracks[track].first_s, everybody.tracks[track].last_s) for track in most}
    return same_people(embeddings, spans_s, args.same_person)


def write_subjects(
    args: argparse.Namespace,
    everybody: Everybody,
    person_of: Mapping[str, str],
    n_frames: int,
    draft: Path,
    broken: str | None,
) -> None:
    """Write the rows of those tracks that are subjects, under the subjects' numbers."""
    subject_of, said = everybody.subjects(args.subjects, n_frames, person_of)
    remarks = {LEFT_OUT: "; ".join(said)} if said else {}
    remarks |= {BROKEN: broken} if broken else {}
    with table_writer("faces", args.output, remarks) as write:
        drafted = (row for group in read_groups("faces", draft, SCHEMAS["faces"].names) for row in group.to_pylist())
        for rows in everybody.subject_rows(drafted, subject_of):
            write(rows)
    people = len(set(subject_of.values()))
    print(f"{len(subject_of)} of {len(everybody.tracks)} tracks are those of {people} people: {args.output}")
    for remark in remarks.values():
        print(remark)


if __name__ == "__main__":
    run(main)
