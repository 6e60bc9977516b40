"""What the people in one video express at each frame, by the systems of a bundle.

In: the video's faces, voice and voiced runs, and the bundle's files. Out: the table `people` as Parquet and as CSV, and
a JSON file of what it was made of and what was decided.
"""

import json
from math import inf
from pathlib import Path

from pydantic import TypeAdapter

from abaw.commands.base import parser, run, settings_from
from abaw.config import ComputeConfig
from abaw.media.video import decisions, probe
from abaw.predict.film import Film, changed_meanwhile, predict_film
from abaw.running.files import whole_file
from abaw.tables.files import read_metadata, write_csv, write_table
from abaw.tasks import task_named


def main() -> None:
    """Parse the arguments, predict, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--film", required=True, help="the video's id")
    for name in ("video", "digest", "faces", "voiced", "bundle", "frames", "csv", "metadata"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--planned-bytes", type=int, required=True, help="the video's size when the run began")
    arguments.add_argument("--voice", type=Path, nargs="*", default=[], help="16 kHz track, where a model hears")
    arguments.add_argument("--embedders", type=Path, nargs="*", default=[], help="TASK.onnx, for a CPU")
    arguments.add_argument("--from-s", type=float, required=True)
    arguments.add_argument("--to-s", type=float, nargs="?", const=inf, required=True)
    arguments.add_argument("--fps", type=float, required=True, help="analysed frames a second")
    arguments.add_argument("--compute", type=settings_from(ComputeConfig), required=True)
    arguments.add_argument("--settings", type=TypeAdapter(dict).validate_json, required=True, help="to be written down")
    args = arguments.parse_args()

    info = probe(args.video)
    voice = next(iter(args.voice), None)
    film = Film(args.film, info, args.faces, args.voiced, voice, (args.from_s, args.to_s), args.fps)
    found = predict_film(film, args.bundle, args.compute, {task_named(path.stem): path for path in args.embedders})
    remarks = read_metadata(args.faces)
    about = found.about | {
        "video": args.film,
        "path": str(args.video),
        "sha256": args.digest.read_text(encoding="utf-8").split()[0],
        "settings": args.settings,
        "problems": found.problems(remarks, decisions(args.video)) + changed_meanwhile(args.video, args.planned_bytes),
    }
    write_table("people", found.table, args.frames, {"bundle_sha256": found.about["bundle"]["sha256"]})
    write_csv(found.table, args.csv)
    with whole_file(args.metadata) as beside:
        text = json.dumps(about, indent=2, sort_keys=True, ensure_ascii=False)
        beside.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    print(f"{len(found.table)} rows of {about['subjects']} subjects: {args.frames}")


if __name__ == "__main__":
    run(main)
