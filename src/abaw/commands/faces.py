"""What the two sources of faces share: the table `faces`, written frame by frame, and a count of what it holds."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from abaw.faces.row import Row
from abaw.tables.files import table_writer


def write_faces(
    frames: Iterable[Sequence[Row]],
    samples: Sequence[str],
    expected: int,
    output: Path,
    remarks: Mapping[str, str] | None = None,
) -> None:
    """Write the rows of each analysed frame of a video; `expected` says about how many frames will come.

    `remarks` may be filled while they come; they are written into the table's metadata and said.
    """
    n_frames, n_faces = 0, dict.fromkeys(samples, 0)
    with table_writer("faces", output, remarks) as write:
        for rows in tqdm(frames, total=expected, unit="frame", desc=output.stem, disable=None):
            write(rows)
            n_frames += 1
            for row in rows:
                n_faces[row["sample"]] += row["has_face"]
    for sample, with_face in n_faces.items():
        print(f"{sample}: {with_face} of {n_frames} analysed frames have a face")
    for remark in (remarks or {}).values():
        print(remark)
    print(f"written to {output}")
