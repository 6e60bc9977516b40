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


def voiced_runs(
    times_s: NDArray[np.float64],
    opening: NDArray[np.float64],
    rate_hz: float,
    settings: GateConfig,
    heard: Runs | None = None,
) -> Runs:
    """Runs (start_s, end_s) of speech from mouth openings (n,) at increasing times (n,), NaN where no mouth was seen.

    A frame speaks where the openings seen in the window around it have the mean and the standard deviation that
    `settings` ask for. Frames stand for half an analysis interval on each side, so runs have a length. `heard` are the
    runs of a voice activity detector, which `settings.source` may ask for beside or instead of the mouth's.
    """
    if settings.source == "vad":
        return tidied(heard or [], settings)
    half = settings.window_s / 2
    speaks = np.zeros(len(times_s), dtype=bool)
    for number, time in enumerate(times_s):
        near = opening[(times_s >= time - half) & (times_s <= time + half)]
        near = near[~np.isnan(near)]
        if len(near) >= 2:
            speaks[number] = near.mean() >= settings.min_opening and near.std() >= settings.min_movement
    runs = runs_of(speaks, times_s, rate_hz)
    return tidied(common_runs(runs, heard or []) if settings.source == "both" else runs, settings)


def gated_runs(
    times_s: NDArray[np.float64],
    opening: NDArray[np.float64],
    area: NDArray[np.float64],
    rate_hz: float,
    settings: GateConfig,
    heard: Runs | None = None,
) -> Runs:
    """`voiced_runs`, or by the authors' rule, where `settings.rule` asks for it, from mouth areas (n,), untidied."""
    if settings.rule == "authors" and settings.source != "vad":
        runs = authors_runs(times_s, area, rate_hz)
        return common_runs(runs, heard or []) if settings.source == "both" else runs
    return voiced_runs(times_s, opening, rate_hz, settings, heard)


def tidied(runs: Runs, settings: GateConfig) -> Runs:
    """Runs, sorted by start, without blips, then joined over short gaps, then without those that are still short."""
    lasting = [run for run in runs if run[1] - run[0] > settings.max_blip_s + _ROUNDING_S]
    joined = join_runs(lasting, settings.max_gap_s + _ROUNDING_S)
    return [(start, end) for start, end in joined if end - start >= settings.min_run_s - _ROUNDING_S]


def common_runs(runs: Runs, others: Runs) -> Runs:
    """Where a run of each of two lists, both sorted, is; runs of one list do not overlap."""
    both = [(max(a, c), min(b, d)) for a, b in runs for c, d in others if c < b and a < d]
    return sorted(both)


def authors_runs(times_s: NDArray[np.float64], area: NDArray[np.float64], rate_hz: float) -> Runs:
    """Runs (start_s, end_s) that the authors' rule keeps, from mouth areas (n,), NaN where no mouth was seen."""
    return runs_of(kept_rows(open_flags(area), rate_hz), times_s, rate_hz)


def runs_of(flags: NDArray[np.bool_], times_s: NDArray[np.float64], rate_hz: float) -> Runs:
    """Runs (start_s, end_s) of set flags (n,) at times (n,); a row stands for half an interval on each side."""
    changes = np.flatnonzero(np.diff(flags, prepend=False, append=False)).reshape(-1, 2)
    pad_s = 0.5 / rate_hz
    return [(max(0.0, times_s[first] - pad_s), times_s[after - 1] + pad_s) for first, after in changes]


def join_runs(runs: Runs, max_gap_s: float) -> Runs:
    """Join runs, sorted by start, whose gap is at most `max_gap_s`."""
    joined: Runs = []
    for start, end in runs:
        if joined and start - joined[-1][1] <= max_gap_s:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
