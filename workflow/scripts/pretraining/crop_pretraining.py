"""Cut the faces out of the pictures of one pre-training corpus.

In: the table pretraining, whose rows name image files, videos and tables; the detector's network, where no package
carries it. Out: the table pretraining_crops.
"""

from pathlib import Path

import pyarrow.compute as pc
from tqdm import tqdm

from abaw.commands.base import parser, run, settings_from
from abaw.config import FacesConfig
from abaw.pretraining.cropping import crop_faces
from abaw.tables.files import read_table, table_writer


def main() -> None:
    """Parse the arguments, crop, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--corpus", required=True)
    arguments.add_argument("--table", type=Path, required=True)
    arguments.add_argument("--settings", type=settings_from(FacesConfig), required=True)
    arguments.add_argument("--network", type=Path, nargs="*", help="ONNX file of the detector; none for mediapipe")
    arguments.add_argument("--raf-db-images", choices=["original", "aligned"], required=True)
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()

    rows = read_table("pretraining", args.table).filter(pc.field("corpus") == args.corpus).to_pylist()
    found = 0
    with table_writer("pretraining_crops", args.output) as write:
        network = next(iter(args.network or []), None)
        cropped = crop_faces(args.corpus, rows, args.settings, args.raf_db_images, args.threads, network)
        for row in tqdm(cropped, args.corpus, len(rows), unit="face", disable=None):
            if row is not None:
                write([row])
                found += 1
    print(f"{args.corpus}: {found} of {len(rows)} labelled faces were found: {args.output}")


if __name__ == "__main__":
    run(main)
