"""Which tracks of a video are one person's, by their faces: embeddings of the best of each track, clustered."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from abaw.faces.crop import crop_region, decode_crop
from abaw.faces.recognition import Recogniser, upright
from abaw.tables.arrays import matrix
from abaw.tables.schemas import FIVE_POINTS

MOST_FACES = 5
"""So many faces of a track are embedded: those that stand out most."""
MOST_TRACKS = 4000
"""Tracks that are compared with each other, those that stand out most: their distances take 64 MB."""
NEVER = 1e9
"""The distance of two tracks that are seen at the same time: two people's."""
BOX = ["x0_px", "y0_px", "x1_px", "y1_px"]
POINTS = [f"{point}_{axis}_px" for point in FIVE_POINTS for axis in "xy"]
COLUMNS = ["sample", "has_face", "score", "crop", *BOX, *POINTS]

Span = tuple[float, float]


@dataclass(order=True)
class Portrait:
    """A face of a track: how much it stands out, its crop (JPEG), and where that lies; all five points are known."""

    prominence: float
    place: int
    crop: bytes = field(compare=False)
    box: NDArray[np.float64] = field(compare=False)
    points: NDArray[np.float64] = field(compare=False)

    def upright(self, margin_px: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """The face as a recogniser wants it, of a picture of this size."""
        rgb = decode_crop(self.crop)
        x0, y0, x1, y1 = crop_region(self.box, margin_px, width_px, height_px)
        scale = np.array([rgb.shape[1] / (x1 - x0), rgb.shape[0] / (y1 - y0)])
        return upright(rgb, (self.points - (x0, y0)) * scale)


def portraits(tables: Iterable[pa.Table]) -> dict[str, list[Portrait]]:
    """The best faces of each track, out of tables `faces` with `COLUMNS`; a track without any has none."""
    best: dict[str, list[Portrait]] = {}
    place = 0
    for table in tables:
        boxes, points, scores = matrix(table, BOX), matrix(table, POINTS), table["score"].to_numpy()
        prominence = scores * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        for row in np.flatnonzero(~np.isnan(prominence) & ~np.isnan(points).any(axis=1)).tolist():
            kept = best.setdefault(table["sample"][row].as_py(), [])
            if len(kept) == MOST_FACES and prominence[row] <= kept[0].prominence:
                continue
            face = Portrait(
                prominence[row], place + row, table["crop"][row].as_py(), boxes[row], points[row].reshape(-1, 2)
            )
            (heapq.heappush if len(kept) < MOST_FACES else heapq.heapreplace)(kept, face)
        place += len(table)
    return best


def embeddings_of(
    faces: Mapping[str, list[Portrait]], recogniser: Recogniser, margin_px: int, width_px: int, height_px: int
) -> dict[str, NDArray[np.float64]]:
    """The mean embedding of each track's faces, of length 1."""
    found = {}
    for track, best in faces.items():
        mean = recogniser.embed(np.stack([one.upright(margin_px, width_px, height_px) for one in sorted(best)])).mean(
            axis=0
        )
        found[track] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return found


def same_people(
    embeddings: Mapping[str, NDArray[np.float64]], spans_s: Mapping[str, Span], least_similarity: float
) -> dict[str, str]:
    """The first track of the person of each track.

    Tracks are joined by average linkage while the mean cosine of their embeddings is `least_similarity` or more; two
    that are seen at the same time never are.
    """
    tracks = sorted(embeddings, key=lambda track: spans_s[track])
    if len(tracks) < 2:
        return {track: track for track in tracks}
    from scipy.cluster.hierarchy import fcluster, linkage  # half a second to import, where somebody is recognised
    from scipy.spatial.distance import pdist

    apart = pdist(np.stack([embeddings[track] for track in tracks]), "cosine")
    begin, end = np.array([spans_s[track] for track in tracks]).T
    one, other = np.triu_indices(len(tracks), 1)
    apart[(begin[one] <= end[other]) & (begin[other] <= end[one])] = NEVER
    labels = fcluster(linkage(apart, "average"), 1 - least_similarity, "distance")
    first: dict[int, str] = {}
    return {track: first.setdefault(label, track) for track, label in zip(tracks, labels.tolist(), strict=True)}
