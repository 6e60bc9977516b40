"""Find and follow the people in one video: the one who stands out, everybody, or so many at a time; their mouths, too.

In: a video; the bundle's settings of `faces`; the networks of the detector, where no package carries it, and of a
recogniser, if there is one. Out: a table `faces` whose samples are the numbers of the subjects, by first appearance,
and the table `mouths` at the gate's rate, of the same pass. Of a video that breaks, nobody is seen from there on.
"""

import argparse
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import ceil, inf
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
from pydantic import TypeAdapter
from tqdm import tqdm

from abaw.commands.base import parser, run, settings_from
from abaw.commands.faces import write_faces
from abaw.config import ComputeConfig, FacesConfig
from abaw.faces.breaks import BROKEN, bridge_break
from abaw.faces.detection import Detector
from abaw.faces.detectors import make_detector
from abaw.faces.pipeline import face_row, followed_frames, measured_ahead, tracked_frames
from abaw.faces.recognition import Recogniser
from abaw.faces.row import Row
from abaw.faces.subjects import Subject, TrackedFrame
from abaw.media.video import VideoInfo, analysed_frames, probe
from abaw.predict.everybody import Everybody, Wanted
from abaw.predict.mouths import mouth_rows, mouth_times
from abaw.predict.recognising import COLUMNS, MOST_TRACKS, embeddings_of, portraits, same_people
from abaw.running.errors import BrokenVideoError
from abaw.running.memory import keep_freed_memory
from abaw.speech.mouths import MouthRow
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
    arguments.add_argument("--mouths-hz", type=float, required=True, help="frames a second whose mouths are measured")
    arguments.add_argument("--threads", type=int, required=True, help="of the decoder and of who looks at its pictures")
    arguments.add_argument("--faces", type=Path, required=True)
    arguments.add_argument("--mouths", type=Path, required=True)
    args = arguments.parse_args()

    keep_freed_memory()
    cv2.setNumThreads(1)  # the decoder, the detector and the mesh have a thread each
    info, detector = probe(args.video), detector_of(args)
    if args.subjects == "prominent":
        follow_prominent(args, info, detector)
        return
    span_s = (args.from_s, args.to_s)
    everybody, times = Everybody(1 / args.settings.analysis_rate_hz), list[tuple[int, float]]()
    found = tracked_frames(args.video, args.settings, args.threads, detector, span_s, True, args.mouths_hz)
    tracked = measured_ahead(found)
    with TemporaryDirectory() as folder:
        drafts = Path(folder) / "tracks.parquet", Path(folder) / "mouths.parquet"
        with table_writer("mouths", drafts[1]) as write:
            broken = write_tracks(everybody.rows(drafting(tracked, write, times)), args, info, drafts[0])
        person_of = recognised(args, everybody, info, drafts[0]) if args.recogniser else {}
        subject_of, remarks = who_is_who(args, everybody, person_of, info.n_frames)
        remarks |= {BROKEN: broken} if broken else {}
        write_rows("faces", everybody.subject_rows(drafted("faces", drafts[0]), subject_of), args.faces, remarks)
        mouths = everybody.subject_mouths(drafted("mouths", drafts[1]), subject_of, times)
        write_rows("mouths", mouths, args.mouths)
    people = len(set(subject_of.values()))
    print(f"{len(subject_of)} of {len(everybody.tracks)} tracks are those of {people} people: {args.faces}")
    for remark in remarks.values():
        print(remark)


def detector_of(args: argparse.Namespace) -> Detector:
    """The detector that the arguments ask for."""
    network = next(iter(args.network or []), None)
    return make_detector(args.settings, args.compute.threads, network, args.compute.device)


def follow_prominent(args: argparse.Namespace, info: VideoInfo, detector: Detector) -> None:
    """Write the faces and the mouths of the one who stands out."""
    rate_hz, remarks = args.settings.analysis_rate_hz, dict[str, str]()
    subject = Subject("1", None)
    with table_writer("mouths", args.mouths) as write:

        def rows() -> Iterator[list[Row]]:
            span_s = (args.from_s, args.to_s)
            seen = followed_frames(args.video, [subject], args.settings, args.threads, detector, span_s, args.mouths_hz)
            for frame, [face] in seen:
                write(mouth_rows(frame, [(subject.sample, face)]))
                yield [face_row(subject.sample, frame, face)]

        within = ((n, at_s) for n, at_s in analysed_frames(info, rate_hz) if args.from_s <= at_s < args.to_s)
        whole = bridge_break(rows(), within, [subject.sample], remarks)
        write_faces(whole, [subject.sample], ceil(info.duration_s * rate_hz), args.faces, remarks)


def drafting(
    frames: Iterable[TrackedFrame], write: Callable[[list[MouthRow]], None], times: list[tuple[int, float]]
) -> Iterator[TrackedFrame]:
    """The frames, whose tracks' mouths are written and whose times are put down on the way."""
    for frame in frames:
        write(mouth_rows(frame, [(str(face.track), face) for face in frame.faces]))
        times += mouth_times(frame)
        yield frame


def write_tracks(frames: Iterator[list[Row]], args: argparse.Namespace, info: VideoInfo, draft: Path) -> str | None:
    """Write the rows of all tracks; the sentence about a break, if there is one."""
    expected = ceil(info.duration_s * args.settings.analysis_rate_hz)
    with table_writer("faces", draft) as write:
        try:
            for rows in tqdm(frames, total=expected, unit="frame", desc=args.faces.stem, disable=None):
                write(rows)
        except BrokenVideoError as error:
            return str(error)
    return None


def drafted(kind: str, draft: Path) -> Iterator[Row]:
    """The rows of a draft."""
    return (row for group in read_groups(kind, draft, SCHEMAS[kind].names) for row in group.to_pylist())


def write_rows(kind: str, frames: Iterable[list[Row]], output: Path, remarks: Mapping[str, str] | None = None) -> None:
    """Write the rows of each frame."""
    with table_writer(kind, output, remarks) as write:
        for rows in frames:
            write(rows)


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


def who_is_who(
    args: argparse.Namespace, everybody: Everybody, person_of: Mapping[str, str], n_frames: int
) -> tuple[dict[str, str], dict[str, str]]:
    """The subject of each track that is one's, and what is to be said of those that are nobody's."""
    subject_of, said = everybody.subjects(args.subjects, n_frames, person_of)
    return subject_of, {LEFT_OUT: "; ".join(said)} if said else {}


if __name__ == "__main__":
    run(main)
