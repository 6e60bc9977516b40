"""What the two sources of faces share: the table `faces`, written frame by frame, and a count of what it holds."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from abaw.faces.row import Row
from abaw.tables import table_writer


def write_faces(frames: Iterable[Sequence[Row]], samples: Sequence[str], expected: int, output: Path) -> None:
    """Write the rows of each analysed frame of a video; `expected` says about how many frames will come."""
    n_frames, n_faces = 0, dict.fromkeys(samples, 0)
    with table_writer("faces", output) as write:
        for rows in tqdm(frames, total=expected, unit="frame", desc=output.stem, disable=None):
            write(rows)
            n_frames += 1
            for row in rows:
                n_faces[row["sample"]] += row["has_face"]
    for sample, with_face in n_faces.items():
        print(f"{sample}: {with_face} of {n_frames} analysed frames have a face")
    print(f"written to {output}")
