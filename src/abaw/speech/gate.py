"""Who speaks when, by the mouth: runs in which the target speaker's lips move (paper §3.2.1).

The authors compare a rolling mean of the mouth's area with the video's own mean (`abaw.speech.authors_gate`). Here the
opening is measured in eye distances, so that one threshold holds for all videos, and the lips must move: an open smile
is not speech.
"""

import numpy as np
from numpy.typing import NDArray

from abaw.config import GateConfig
from abaw.speech.authors_gate import kept_rows, open_flags

Runs = list[tuple[float, float]]
_ROUNDING_S = 1e-6


def gated_runs(
    times_s: NDArray[np.float64],
    opening: NDArray[np.float64],
    area: NDArray[np.float64],
    settings: GateConfig,
    heard: Runs | None = None,
) -> Runs:
    """Runs (start_s, end_s) of speech from mouth openings and areas (n,) at rising times (n,), NaN without a mouth.

    By the rule that `settings.rule` names, `moving_runs` or `authors_runs`. `heard` are the runs of a voice activity
    detector, which `settings.source` may ask for beside or instead of the mouth's.
    """
    if settings.source == "vad":
        return tidied(heard or [], settings)
    by_authors = settings.rule == "authors"
    runs = authors_runs(times_s, area) if by_authors else moving_runs(times_s, opening, settings)
    if settings.source == "both":
        runs = common_runs(runs, heard or [])
    return runs if by_authors else tidied(runs, settings)


def moving_runs(times_s: NDArray[np.float64], opening: NDArray[np.float64], settings: GateConfig) -> Runs:
    """Runs in which the lips are open and move, untidied, from openings (n,) at rising times (n,).

    A frame speaks where the openings seen in the `window_s` around it, two at least, have the mean and the standard
    deviation that `settings` ask for.
    """
    reach = settings.window_s / 2 + _ROUNDING_S
    first, after = (np.searchsorted(times_s, times_s + side * reach) for side in (-1, 1))
    seen = ~np.isnan(opening)
    # About their mean, so that the difference of two sums of squares keeps its digits.
    centre = opening[seen].mean() if seen.any() else 0.0
    values = np.where(seen, opening - centre, 0.0)
    sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (seen, values, values**2)]
    count, total, squares = (part[after] - part[first] for part in sums)
    count = np.maximum(count, 1)
    deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
    speaks = (count >= 2) & (total / count + centre >= settings.min_opening) & (deviation >= settings.min_movement)
    return runs_of(speaks, times_s)


def tidied(runs: Runs, settings: GateConfig) -> Runs:
    """Runs, sorted by start, without blips, then joined over short gaps, then without those that are still short."""
    lasting = [run for run in runs if run[1] - run[0] > settings.max_blip_s + _ROUNDING_S]
    joined = join_runs(lasting, settings.max_gap_s + _ROUNDING_S)
    return [(start, end) for start, end in joined if end - start >= settings.min_run_s - _ROUNDING_S]


def common_runs(runs: Runs, others: Runs) -> Runs:
    """Where a run of each of two lists, both sorted, is; runs of one list do not overlap."""
    found, n, m = [], 0, 0
    while n < len(runs) and m < len(others):
        start, end = max(runs[n][0], others[m][0]), min(runs[n][1], others[m][1])
        if start < end:
            found.append((start, end))
        if runs[n][1] < others[m][1]:
            n += 1
        else:
            m += 1
    return found


def authors_runs(times_s: NDArray[np.float64], area: NDArray[np.float64]) -> Runs:
    """Runs (start_s, end_s) that the authors' rule keeps, from mouth areas (n,), NaN where no mouth was seen.

    The rows are meant to be all frames of a video, whose rate is that of `times_s`.
    """
    return runs_of(kept_rows(open_flags(area), 1 / interval_s(times_s)), times_s)


def interval_s(times_s: NDArray[np.float64]) -> float:
    """The usual interval of rising times (n,); of fewer than two, a second."""
    return float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0


def runs_of(flags: NDArray[np.bool_], times_s: NDArray[np.float64]) -> Runs:
    """Runs (start_s, end_s) of set flags (n,) at times (n,); a row stands for half an interval on each side."""
    changes = np.flatnonzero(np.diff(flags, prepend=False, append=False)).reshape(-1, 2)
    pad_s = interval_s(times_s) / 2
    return [(max(0.0, float(times_s[first]) - pad_s), float(times_s[after - 1]) + pad_s) for first, after in changes]


def join_runs(runs: Runs, max_gap_s: float) -> Runs:
    """Join runs, sorted by start, whose gap is at most `max_gap_s`."""
    joined: Runs = []
    for start, end in runs:
        if joined and start - joined[-1][1] <= max_gap_s:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
