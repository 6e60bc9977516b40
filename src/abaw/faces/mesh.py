"""The points of MediaPipe's face mesh as features of an expression: brought to one place, size and roll."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from abaw.faces.mouth import EYES
from abaw.running.errors import UserError
from abaw.tables.arrays import features_rows, rows_by_sample
from abaw.tables.files import read_table
from abaw.tables.schemas import SCHEMAS

POINTS = 468
"""Of the plain mesh, which measures the mouth; the ten of the irises come with refined lips, which do not."""


def aligned(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Points (n, 468, 2), x and y in one unit, as features (n, 936): x and y of each in turn.

    The middle between the eyes is brought to the origin, the eyes' centres to a distance of 1 on a level line. A face
    whose eyes fall together has zeros.
    """
    right, left = (points[:, corners].mean(axis=1, keepdims=True) for corners in EYES)
    across = left - right
    square = (across**2).sum(axis=-1, keepdims=True)
    centred = points - (right + left) / 2
    along = (centred * across).sum(axis=-1, keepdims=True)
    down = centred[..., 1:] * across[..., :1] - centred[..., :1] * across[..., 1:]
    turned = np.concatenate([along, down], axis=-1)
    found = np.divide(turned, square, out=np.zeros_like(turned), where=square > 0)
    return found.reshape(len(points), 2 * POINTS).astype(np.float32)


def mesh_features(faces: Sequence[Path], samples: Sequence[str]) -> pa.Table:
    """The table `features` of some samples, in their order, out of `faces` tables that have the mesh's points.

    A frame whose face has no mesh counts as one without a face. Raises `UserError` where no table has a mesh.
    """
    found: dict[str, pa.Table] = {}
    wanted, any_face = set(samples), False
    for path in tqdm(faces, "videos", disable=None):
        table = read_table("faces", path, ["sample", "frame", "time_s", "has_face", "mesh"])
        any_face |= table["has_face"].to_numpy().any()
        for sample, rows in rows_by_sample(table["sample"]).items():
            if sample in wanted:
                found[sample] = _features(table.take(pa.array(rows)))
    table = pa.concat_tables([SCHEMAS["features"].empty_table(), *(found[sample] for sample in samples)])
    if any_face and table["embedding"].null_count == len(table):
        raise UserError(f"{faces[0]} and the others have no mesh; set faces.mesh to true, so that it is kept")
    return table


def _features(rows: pa.Table) -> pa.Table:
    column = rows["mesh"].combine_chunks()
    known = column.is_valid().to_numpy(zero_copy_only=False)
    values = np.zeros((len(rows), 2 * POINTS), np.float16)
    points = column.drop_null().flatten().to_numpy().astype(np.float64).reshape(-1, POINTS, 2)
    values[known] = aligned(points)
    return features_rows(rows, values, known)
