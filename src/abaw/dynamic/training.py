"""Train networks over windows of embeddings, and predict with them (paper §2.2.2, §2.3, §3.2.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw import metrics
from abaw.config import DynamicNetworkConfig, OverTimeConfig
from abaw.dynamic.model import (
    DynamicModel,
    OverTime,
    Windows,
    mean_per_row,
    minmax_per_video,
    minmax_range,
    predict_windows,
)
from abaw.dynamic.windows import window_step
from abaw.nn.losses import task_loss
from abaw.nn.resume import Resume
from abaw.nn.training import History, Scores, fit
from abaw.running.errors import UserError
from abaw.tables.arrays import blocks, candidates_table, embedding_matrix, labels_at, labels_by_sample
from abaw.tables.priors import predictions_table
from abaw.tasks import TASKS, TaskName

Normaliser = Literal["none", "train_minmax", "per_video_minmax"]


@dataclass(frozen=True)
class Sequences:
    """The analysed frames of a split: their windows, and per frame its sample, time (s) and label (NaN where none).

    `widths` are those of the tables of embeddings that stand side by side in the windows.
    """

    windows: Windows
    samples: NDArray[np.object_]
    times_s: NDArray[np.float64]
    labels: NDArray[np.float64]
    widths: list[int]

    @classmethod
    def of(
        cls,
        task: TaskName,
        embeddings: Sequence[pa.Table],
        labels: pa.Table | None,
        window: int,
        normaliser: Normaliser,
        device: torch.device,
        overlap: float = 0.5,
        every_nth: int = 1,
    ) -> "Sequences":
        """Put `embeddings` tables of the same rows side by side, with labels where there are some.

        Windows are of `window` frames (`Windows.over`); which frames show a face is the first table's to say.
        `per_video_minmax` scales each video by itself here; `train_minmax` is the model's, fitted by `build_dynamic`.
        """
        by_sample = labels_by_sample(task, labels) if labels is not None else {}
        unlabelled = np.empty((0, len(TASKS[task].labels)))
        first = embeddings[0]
        rows = list(blocks(first))
        truth = [labels_at(by_sample.get(sample, unlabelled), block["frame"].to_numpy()) for sample, block in rows]
        stacked = np.concatenate(truth) if truth else unlabelled
        has_face = first["has_face"].to_numpy(zero_copy_only=False).astype(bool)
        lengths = [len(block) for _, block in rows]
        each = [embedding_matrix(table, np.float16) for table in embeddings]  # as they are stored
        half = np.hstack(each)
        values = (
            minmax_per_video(half.astype(np.float32), has_face, lengths) if normaliser == "per_video_minmax" else half
        )
        return cls(
            Windows.over(values, has_face, lengths, window, device, overlap, every_nth),
            np.array(first["sample"].to_pylist(), dtype=object),
            first["time_s"].to_numpy(),
            stacked[:, 0] if TASKS[task].kind == "classes" else stacked,
            [values.shape[1] for values in each],
        )

    def label_lines(self) -> Tensor:
        """The label of each line of the windows' block, on their device; NaN for padding and without a face."""
        padded = np.concatenate([self.labels, np.full_like(self.labels[:1], np.nan)])  # a row of -1 reads the last
        lines = torch.from_numpy(padded).float().to(self.windows.rows.device)[self.windows.rows]
        lines[~self.windows.has_face] = torch.nan
        return lines


def build_dynamic(
    task: TaskName, train: Sequences, normaliser: Normaliser, settings: DynamicNetworkConfig
) -> DynamicModel:
    """A fresh transformer over time; `train_minmax` is fitted here, to the frames of `train` with a face."""
    model = DynamicModel(task, settings, train.windows.embeddings.shape[-1])
    if normaliser == "train_minmax":
        block = train.windows
        model.scale_by(*minmax_range(block.embeddings.cpu().numpy(), block.has_face.cpu().numpy()))
    return model


def train_over_time(
    task: TaskName,
    model: OverTime,
    train: Sequences,
    val: Sequences,
    settings: OverTimeConfig,
    seed: int,
    device: torch.device,
    resume: Resume | None = None,
) -> History:
    """Train `model` on windows; the epoch is chosen by the challenge measure on the analysed frames of `val`.

    The history keeps what each epoch's model says of the frames of `val` with a face, for `epoch_candidates`.
    """
    model.to(device)
    loss = task_loss(
        task,
        train.labels,
        device,
        expression=settings.expression_loss,
        weights=settings.class_weights,
        label_smoothing=settings.label_smoothing,
        values=settings.va_loss,
    )
    truth = train.label_lines()

    def batch_loss(items: Tensor) -> Tensor:
        return loss(model(*train.windows.batch(items)), train.windows.take(truth, items))

    said = torch.empty(0)

    def evaluate() -> Scores:
        nonlocal said
        batches = predict_windows(model, val.windows, settings.training.batch_size)
        known, means = mean_per_row(batches, len(val.labels), model.head.out_features)
        said = torch.from_numpy(means).half()
        if not len(known) or np.isnan(val.labels[known]).all():
            raise UserError(f"no analysed frame of the validation split of {task} has both a face and a label")
        return metrics.score(task, val.labels[known], means)

    measure = TASKS[task].challenge_measure
    return fit(
        model,
        batch_loss,
        len(train.windows),
        evaluate,
        measure,
        settings.training,
        seed,
        resume,
        outputs=lambda: said,
    )


def epoch_candidates(task: TaskName, val: Sequences, history: History) -> pa.Table:
    """The `candidates` table of a training: what each of its epochs says of the frames of `val` with a face."""
    assert history.outputs is not None
    rows = np.unique(val.windows.rows[val.windows.has_face].cpu().numpy())
    truth = val.labels[rows].reshape(len(rows), -1)
    times_s = val.times_s[rows]
    return candidates_table(val.samples[rows], times_s, times_s, history.outputs.numpy(), truth, task)


def predict_over_time(
    task: TaskName, model: OverTime, sequences: Sequences, prior: Mapping[str, float], batch_size: int
) -> pa.Table:
    """What every window says of every frame with a face, as a `predictions` table of instants.

    Where windows overlap by more than half it is the mean of what they say: so many windows have a frame that the table
    would be many times as long. A sample without any face gets one prediction at time 0, the `prior`: all that is known
    of a face never seen.
    """
    windows, n_outputs = sequences.windows, model.head.out_features
    batches = predict_windows(model, windows, batch_size)
    if windows.step < window_step(windows.window, 0.5):
        rows, outputs = mean_per_row(batches, len(sequences.samples), n_outputs)
    else:
        each = [(np.empty(0, np.int64), np.empty((0, n_outputs), np.float32)), *batches]
        rows, outputs = (np.concatenate(parts) for parts in zip(*each, strict=True))
    times = sequences.times_s[rows]
    return predictions_table(task, sequences.samples[rows], times, times, outputs, sequences.samples, prior)
