"""The authors' rule of an open mouth, as their code has it (paper §3.2.1; their `open_mouth_features_extraction.py`).

It counts rows, not seconds, and its threshold is the video's own mean: about 42 % of every video is open by it, also
where nobody speaks. It is kept to compare with; `abaw.speech.gate` has the rule of this project.
"""

from math import floor

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

WINDOW_ROWS = 30
MAX_CLOSED_S = 0.5
MIN_RUN_S = 2.0
"""What their windows ask for at least of a run (`abaw_vae_dataset.py`)."""


def open_flags(area: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows are open, (n,), by the areas between the lips, (n,), NaN where no face mesh was found.

    A row is open where the mean of the last `WINDOW_ROWS` areas exceeds the mean of all. Rows without a mesh are closed
    and count in neither mean, so that the last areas reach across them; the first `WINDOW_ROWS` - 1 areas are closed.
    """
    flags = np.zeros(len(area), dtype=bool)
    seen = np.flatnonzero(~np.isnan(area))
    if len(seen) >= WINDOW_ROWS:
        means = sliding_window_view(area[seen], WINDOW_ROWS).mean(axis=1)
        flags[seen[WINDOW_ROWS - 1 :]] = means > area[seen].mean()
    return flags


def kept_rows(flags: NDArray[np.bool_], rate_hz: float) -> NDArray[np.bool_]:
    """Which rows are heard, (n,): the open ones and short closed runs, as far as together they last.

    Closed runs of fewer rows than `MAX_CLOSED_S` at the rounded rate are kept, at the beginning and at the end as any
    other; what is kept then and has fewer rows than `MIN_RUN_S` is not.
    """
    rate = floor(rate_hz + 0.5)
    kept = flags | (run_lengths(flags) < MAX_CLOSED_S * rate)
    return kept & (run_lengths(kept) >= MIN_RUN_S * rate)


def run_lengths(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each row (n,) how many rows its run of equal flags has."""
    edges = np.flatnonzero(np.diff(flags)) + 1
    lengths = np.diff([0, *edges, len(flags)])
    return np.repeat(lengths, lengths)
