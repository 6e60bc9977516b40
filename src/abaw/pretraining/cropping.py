"""Faces cut out of the pre-training corpora, as they are cut out of AffWild2's videos (paper §3.1.1, §3.2.2)."""

from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from typing import Any

import numpy as np

from abaw.config import FacesConfig
from abaw.faces.crop import crop_region, encode_crop, fitted
from abaw.faces.detection import Detector
from abaw.faces.detectors import make_detector
from abaw.pretraining.pixels import Row, read_pixels
from abaw.tables.schemas import SCHEMAS

WHOLE_FACES = ("fer", "raf_db_aligned")
"""Corpora whose pictures are faces already."""
BODIES = ("emotic",)
"""Corpora whose boxes are of the whole body."""

Cutter = Callable[[np.ndarray, Row], np.ndarray | None]


def crop_faces(
    corpus: str,
    rows: Sequence[Row],
    settings: FacesConfig,
    raf_db_images: str,
    threads: int,
    network: str | PathLike[str] | None = None,
) -> Iterator[Row | None]:
    """Yield a row of the table `pretraining_crops` for each of the table `pretraining`; None where no face was found.

    The annotators' box of a face is cut out with `settings.margin_px`, a picture that is a face is taken whole, and in
    all others, and in the box of a body, the detector's most prominent face counts. `network` is as in `make_detector`.
    """
    cut = _cutter(f"{corpus}_{raf_db_images}" if corpus == "raf_db" else corpus, settings, threads, network)
    for row, picture in read_pixels(rows, threads):
        face = cut(picture, row)
        yield None if face is None else _crop_row(row, face, settings)


def _cutter(kind: str, settings: FacesConfig, threads: int, network: str | PathLike[str] | None) -> Cutter:
    if kind in WHOLE_FACES:
        return lambda picture, row: picture
    detector: Detector | None = None

    def cut(picture: np.ndarray, row: Row) -> np.ndarray | None:
        nonlocal detector
        box = _box(row)
        if box is not None and kind not in BODIES:
            return _region(picture, box, settings.margin_px)
        looked_at = picture if box is None else _region(picture, box, 0)
        if looked_at is None:
            return None
        detector = detector or make_detector(settings, threads, network)
        found = detector.detect(looked_at)
        if not found:
            return None
        return _region(looked_at, max(found, key=lambda face: face.prominence).box, settings.margin_px)

    return cut


def _box(row: Row) -> np.ndarray | None:
    box = [row[name] for name in ("x0_px", "y0_px", "x1_px", "y1_px")]
    return None if box[0] is None else np.array(box)


def _region(picture: np.ndarray, box: np.ndarray, margin_px: int) -> np.ndarray | None:
    """What a box shows, with a margin; None where it lies outside of the picture."""
    x0, y0, x1, y1 = crop_region(box, margin_px, picture.shape[1], picture.shape[0])
    return np.ascontiguousarray(picture[y0:y1, x0:x1]) if x0 < x1 and y0 < y1 else None


def _crop_row(row: Row, face: np.ndarray, settings: FacesConfig) -> dict[str, Any]:
    kept = {name: row[name] for name in SCHEMAS["pretraining_crops"].names if name != "crop"}
    return kept | {"crop": encode_crop(fitted(face, settings.crop_side_px), settings.jpeg_quality)}
