"""The windows of a voice, out of the statistics that `abaw.functional.ear` takes, with labels, and predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from abaw.acoustic.windows import LABEL_RATE_HZ
from abaw.config import VoiceStatisticsConfig
from abaw.functional.functionals import WindowStatistics
from abaw.functional.model import Windows, labels_of_windows, load_model
from abaw.tables.arrays import blocks, embedding_matrix, labels_at, labels_by_sample
from abaw.tables.priors import predictions_table
from abaw.tables.schemas import VOICED
from abaw.tasks import TASKS, TaskName
from abaw.timeline.rows import Rows


def voice_windows(
    task: TaskName, table: pa.Table, rows: Sequence[Rows], labels: pa.Table | None, settings: VoiceStatisticsConfig
) -> Windows:
    """The windows of a `voice_statistics` table; those of the target speaker have labels where `labels` are given.

    `rows` are of all samples, those without windows too.

    Labels are read five times a second: values are averaged, of expressions the most frequent counts, the lowest of
    equals.
    """
    names = [row.sample for row in rows]
    number = {name: k for k, name in enumerate(names)}
    found = list(blocks(table))
    lengths = [len(block) for _, block in found]
    start_s, end_s = table["start_s"].to_numpy(), table["end_s"].to_numpy()
    truth, times = np.empty((0, len(TASKS[task].labels))), 0
    if labels is not None:
        truth, times = _labels(task, table, rows, labels, settings)
    of_time = np.repeat(np.where(voiced_of(table), np.arange(len(table)), -1), times)
    statistics = WindowStatistics(
        np.repeat([number[sample] for sample, _ in found], lengths).astype(np.int64),
        start_s,
        end_s,
        {"mean": embedding_matrix(table, name="mean"), "deviation": embedding_matrix(table, name="deviation")},
        np.empty(0, np.int64),
    )
    return Windows(names, statistics, labels_of_windows(task, truth, of_time, len(table)), "of the speaker's voice")


def predict_voices(
    task: TaskName,
    weights: Path,
    card: Mapping[str, Any],
    settings: VoiceStatisticsConfig,
    statistics: pa.Table,
    rows: Sequence[Rows],
) -> pa.Table:
    """The `predictions` table of a `voice_statistics` table by the card's model, with marks where the speaker speaks.

    A row for each window; a sample of `rows` without one gets the prior.
    """
    model = load_model(weights, card)
    windows = voice_windows(task, statistics, rows, None, settings)
    outputs = model.outputs(task, windows.statistics)
    spans = windows.statistics.start_s, windows.statistics.end_s
    voiced = voiced_of(statistics)
    return predictions_table(task, windows.samples, *spans, outputs, windows.names, card["prior"], voiced)


def voiced_of(table: pa.Table) -> NDArray[np.bool_]:
    """Whether each window (n,) is the target speaker's."""
    return table[VOICED].to_numpy(zero_copy_only=False).astype(bool)


def _labels(
    task: TaskName, table: pa.Table, rows: Sequence[Rows], labels: pa.Table, settings: VoiceStatisticsConfig
) -> tuple[NDArray[np.float64], int]:
    """The labels (n_windows * times, 2 or 1) where they are read, and how many times a window has."""
    by_sample = labels_by_sample(task, labels)
    edges = {row.sample: row.edges_s() for row in rows}
    offsets_s = (np.arange(round(settings.window_s * LABEL_RATE_HZ)) + 0.5) / LABEL_RATE_HZ
    none = np.empty((0, len(TASKS[task].labels)))
    found = [none]
    for sample, block in blocks(table):
        times_s = (block["start_s"].to_numpy()[:, None] + offsets_s).ravel()
        found.append(labels_at(by_sample.get(sample, none), np.searchsorted(edges[sample], times_s, side="right")))
    return np.concatenate(found), len(offsets_s)
