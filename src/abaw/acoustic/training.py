"""Train acoustic models on voiced windows, side by side on one encoder (paper §2.1, §3.2.1)."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw import metrics
from abaw.acoustic.augmentation import Augmentation
from abaw.acoustic.model import AudioModel, build, steps_per_window
from abaw.acoustic.prediction import spans_over, window_outputs
from abaw.acoustic.trunk import Trunk, trunks_of
from abaw.acoustic.voices import Places, VoicedWindows
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ
from abaw.config import AcousticNetworkConfig
from abaw.nn.losses import task_loss
from abaw.nn.resume import Resume
from abaw.nn.runtime import half_on_gpu, sent
from abaw.nn.training import History, Scores, fit_by_steps
from abaw.tables.arrays import candidates_table, scored_table
from abaw.tasks import TASKS, TaskName


def train_acoustic(
    task: TaskName,
    architectures: Sequence[str],
    train: VoicedWindows,
    val: VoicedWindows,
    settings: AcousticNetworkConfig,
    seed: int,
    device: torch.device,
    resumes: Sequence[Resume | None] | None = None,
    heard: Sequence[NDArray[np.int16]] = (),
) -> list[tuple[AudioModel, History, pa.Table]]:
    """Train models on the same windows, batch by batch; each keeps its best epoch by the challenge measure on `val`.

    What of the encoder none of them trains is heard once for all (`abaw.acoustic.trunk`). Each model comes with its
    history, which keeps what each epoch says of the windows of `val` and then of the whole tracks in `heard`, for
    `epoch_candidates`; and with the `scored` table of the windows of `val`, a row for each step.
    """
    models, states = [], []
    for architecture in architectures:
        torch.manual_seed(seed)  # a model is the same one whichever it trains beside
        models.append(build(task, architecture, settings).to(device))
        states.append(_random_state(device))
    trunks = trunks_of(models, device, seed, Augmentation.of(settings), settings.heard_variants)
    tracks = Places.over(heard, settings) if len(heard) else None
    trainings = [
        _training(task, model, trunk, train, val, settings, seed, resume, tracks)
        for model, trunk, resume in zip(models, trunks, resumes or [None] * len(models), strict=True)
    ]
    histories = _side_by_side(trainings, states, device)
    return [
        (model, history, _scored(task, model, trunk, val, settings))
        for model, trunk, history in zip(models, trunks, histories, strict=True)
    ]


def _training(
    task: TaskName,
    model: AudioModel,
    trunk: Trunk,
    train: VoicedWindows,
    val: VoicedWindows,
    settings: AcousticNetworkConfig,
    seed: int,
    resume: Resume | None,
    tracks: Places | None,
) -> Generator[None, None, History]:
    loss = task_loss(
        task, train.labels, trunk.device, label_smoothing=settings.label_smoothing, values=settings.va_loss
    )
    truth = torch.from_numpy(train.labels).float()
    moment = (0, 0)

    def before_epoch(number: int) -> None:
        nonlocal moment
        moment = (number, 0)

    def batch_loss(items: Tensor) -> Tensor:
        nonlocal moment
        steps = trunk.training_steps(train, items.numpy(), moment)
        moment = (moment[0], moment[1] + 1)
        with half_on_gpu(trunk.device):
            outputs = model.outputs(model.embed(steps, trunk.depth))
        return loss(outputs.float(), sent(truth[items], trunk.device))

    def outputs_of(places: Places) -> NDArray[np.float32]:
        return window_outputs(model, trunk, places, settings.training.batch_size)[0]

    on_windows = np.empty((0, len(TASKS[task].outputs)), np.float32)

    def evaluate() -> Scores:
        nonlocal on_windows
        on_windows = outputs_of(val)
        return metrics.score(task, _by_step(val), on_windows)

    def said() -> Tensor:
        found = [on_windows]
        if tracks is not None:
            counts = [spans_over(task, len(one) / SAMPLE_RATE_HZ, settings)[2] for one in tracks.tracks]
            found.append(outputs_of(tracks)[np.concatenate(counts)])
        return torch.from_numpy(np.concatenate(found)).half()

    measure = TASKS[task].challenge_measure
    return fit_by_steps(
        model,
        batch_loss,
        len(train),
        evaluate,
        measure,
        settings.training,
        seed,
        resume,
        before_epoch=before_epoch,
        outputs=said,
    )


def _side_by_side(
    trainings: Sequence[Generator[None, None, History]], states: list[Any], device: torch.device
) -> list[History]:
    """Train by turns, a batch each, until all have ended; each has the random state of its own, as if it were alone."""
    found: dict[int, History] = {}
    while len(found) < len(trainings):
        for number, training in enumerate(trainings):
            if number not in found:
                _set_random_state(states[number], device)
                try:
                    next(training)
                except StopIteration as end:
                    found[number] = end.value
                states[number] = _random_state(device)
    return [found[number] for number in range(len(trainings))]


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _set_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)


def epoch_candidates(
    task: TaskName,
    val: VoicedWindows,
    heard: Mapping[str, NDArray[np.int16]],
    settings: AcousticNetworkConfig,
    history: History,
) -> pa.Table:
    """The `candidates` table of a training: epochs are compared on the windows of `val`, whole tracks are predicted."""
    assert history.outputs is not None
    samples, begins, ends = window_spans(task, val)
    spans = [spans_over(task, len(track) / SAMPLE_RATE_HZ, settings)[:2] for track in heard.values()]
    truth = val.labels.reshape(len(begins), -1)
    n_tracked = sum(len(begin) for begin, _ in spans)
    return candidates_table(
        np.concatenate([samples, np.repeat(np.array([*heard], object), [len(begin) for begin, _ in spans])]),
        np.concatenate([begins, *(begin for begin, _ in spans)]),
        np.concatenate([ends, *(end for _, end in spans)]),
        history.outputs.numpy(),
        np.concatenate([truth, np.full((n_tracked, truth.shape[1]), np.nan)]),
        task,
        chooses=np.arange(len(begins) + n_tracked) < len(begins),
        predicts=np.arange(len(begins) + n_tracked) >= len(begins),
    )


def _scored(
    task: TaskName, model: AudioModel, trunk: Trunk, windows: VoicedWindows, settings: AcousticNetworkConfig
) -> pa.Table:
    outputs, _ = window_outputs(model, trunk, windows, settings.training.batch_size)
    return scored_table(task, model.architecture, *window_spans(task, windows), outputs, _by_step(windows))


def _by_step(windows: VoicedWindows) -> NDArray[np.float64]:
    """The labels (n * steps, 2 or 1) of every step of every window, one after the other."""
    return windows.labels.reshape(-1, windows.labels.shape[2] if windows.labels.ndim == 3 else 1)


def window_spans(
    task: TaskName, windows: VoicedWindows
) -> tuple[NDArray[np.object_], NDArray[np.float64], NDArray[np.float64]]:
    """The sample of every step of every window (n * steps,), and when it begins and ends (s)."""
    steps = steps_per_window(task, windows.window_s)
    length = windows.window_s / steps
    begins = (windows.start_s[:, None] + np.arange(steps) * length).ravel()
    return np.repeat(windows.samples, steps), begins, begins + length
