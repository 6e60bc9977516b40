"""Functionals: statistics of embeddings over short windows of time (paper §2.2.2, after its [10]).

Windows of `window_s` follow one another from time 0 of each sample without overlap. A window counts where at least
`min_share` of its analysed frames show a face, and two at least; others are dropped, for the extremes of a few frames
are not those of a window, and those of a single one are its mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Functional = Literal["mean", "max", "min", "deviation"]
"""`deviation` is the voice's, the others are the faces'."""
LEAST_FRAMES = 2


@dataclass(frozen=True)
class WindowStatistics:
    """The windows that count, in order: the sample's number, begin and end in seconds, and a value of each functional.

    `of_sample`, `start_s` and `end_s` are (n,); `values` maps each functional to (n, width); `of_frame`, (n_frames,),
    says which window each analysed frame is in, -1 for those of dropped windows; of a voice there are none.
    """

    of_sample: NDArray[np.int64]
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    values: dict[Functional, NDArray[np.float32]]
    of_frame: NDArray[np.int64]

    def features(self, functionals: Sequence[Functional]) -> NDArray[np.float64]:
        """The functionals side by side, shape (n, len(functionals) * width)."""
        return np.hstack([self.values[name] for name in functionals]).astype(np.float64)


def window_statistics(
    of_sample: NDArray[np.integer],
    times_s: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    has_face: NDArray[np.bool_],
    window_s: float,
    min_share: float,
) -> WindowStatistics:
    """Mean, maximum and minimum over the frames with a face of each window; see the module for which windows count.

    All are arrays over analysed frames: the number of each one's sample, not falling, its time from 0 on, rising within
    a sample, its embedding (n_frames, width) and whether it shows a face. Raises ValueError where the order is another.
    """
    window = np.floor(np.asarray(times_s, np.float64) / window_s + 1e-9).astype(np.int64)
    key = np.stack([np.asarray(of_sample, np.int64), window], axis=1)
    step = np.diff(key, axis=0)
    if len(step) and ((step[:, 0] < 0) | ((step[:, 0] == 0) & (step[:, 1] < 0))).any():
        raise ValueError("samples and times must not fall")
    begins = np.flatnonzero(np.append(True, step.any(axis=1))) if len(key) else np.empty(0, np.int64)
    counts = np.diff(begins, append=len(key))
    faces = np.add.reduceat(has_face.astype(np.int64), begins) if len(begins) else counts
    kept = (faces >= LEAST_FRAMES) & (faces >= min_share * counts)
    # Only frames with a face go into the statistics: the windows are found anew among these.
    seen = has_face & np.repeat(kept, counts)
    first = np.cumsum(faces[kept]) - faces[kept]
    shown = np.asarray(embeddings, np.float32)[seen]
    values: dict[Functional, NDArray[np.float32]] = {
        "mean": (_reduce(np.add, shown, first) / faces[kept][:, None]).astype(np.float32),
        "max": _reduce(np.maximum, shown, first),
        "min": _reduce(np.minimum, shown, first),
    }
    found = key[begins[kept]]
    edges = np.stack([found[:, 1], found[:, 1] + 1]).astype(np.float64) * window_s
    of_frame = np.repeat(np.where(kept, np.cumsum(kept) - 1, -1), counts)
    return WindowStatistics(found[:, 0], edges[0], edges[1], values, of_frame)


def _reduce(operation: np.ufunc, values: NDArray[np.float32], first: NDArray[np.integer]) -> NDArray[np.float32]:
    return operation.reduceat(values, first, axis=0) if len(first) else values[:0]
