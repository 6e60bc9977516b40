"""Train an acoustic model on voiced windows, and predict with it on whole tracks (paper §2.1, §3.2.1)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw import metrics
from abaw.acoustic.augmentation import Augmentation
from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.acoustic.encoders.loading import load_encoder
from abaw.acoustic.model import AudioModel, steps_per_window
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ, cut_windows
from abaw.acoustic.windows import window_labels, windows_in_run, windows_over
from abaw.config import AcousticNetworkConfig
from abaw.nn.losses import task_loss
from abaw.nn.resume import Resume
from abaw.nn.runtime import half_on_gpu
from abaw.nn.training import History, Scores, fit
from abaw.running.errors import UserError
from abaw.tables.arrays import candidates_table, scored_table
from abaw.tables.schemas import VOICED
from abaw.tasks import TASKS, TaskName

Runs = list[tuple[float, float]]


@dataclass(frozen=True)
class Voice:
    """One sample to learn from: its name, 16 kHz track, voiced runs (s), labels by row, and where the rows meet (s)."""

    sample: str
    track: NDArray[np.int16]
    runs: Runs
    labels: NDArray[np.float64]
    edges_s: NDArray[np.float64]


@dataclass(frozen=True)
class VoicedWindows:
    """Labelled windows as places on the tracks, which are held once: whatever their step, windows cost no memory.

    Of each of n windows: the number of its track in `tracks`, where it begins (s), its sample, and its labels, (n, 20,
    2) or (n, 4), NaN where none and beyond the voiced run. They stand in the order of samples, runs and time.
    """

    window_s: int
    tracks: list[NDArray[np.int16]]
    track: NDArray[np.int64]
    start_s: NDArray[np.float64]
    samples: NDArray[np.object_]
    labels: NDArray[np.float64]

    @classmethod
    def of(cls, task: TaskName, voices: Iterable[Voice], settings: AcousticNetworkConfig) -> "VoicedWindows":
        """Windows on the voiced runs of some samples; those without any label are left out."""
        tracks, labels, places = [], [], []
        for voice in voices:
            tracks.append(voice.track)
            duration_s = len(voice.track) / SAMPLE_RATE_HZ
            for run in voice.runs:
                for start_s in windows_in_run(*run, settings.window_s, settings.step_s, duration_s):
                    found = window_labels(task, voice.labels, voice.edges_s, start_s, run, settings.window_s)
                    if not np.isnan(found).all():
                        labels.append(found)
                        places.append((len(tracks) - 1, start_s, voice.sample))
        if not places:
            raise UserError(f"no voiced window of {task} has a label; speech.gate may be too strict for this corpus")
        track, starts_s, samples = zip(*places, strict=True)
        return cls(
            settings.window_s,
            tracks,
            np.array(track),
            np.array(starts_s, np.float64),
            np.array(samples, dtype=object),
            np.stack(labels),
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def share_of_sound(self) -> float:
        """How much of the windows' seconds lies within their tracks; the rest is filled with zeros."""
        left_s = np.array([len(track) for track in self.tracks])[self.track] / SAMPLE_RATE_HZ - self.start_s
        return float(left_s.clip(0, self.window_s).mean() / self.window_s)

    def batch(
        self,
        items: NDArray[np.int64],
        encoder: SpeechEncoder,
        device: torch.device,
        augmentation: Augmentation | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Waveforms of some windows as `encoder` wants them, with an `augmentation` each changed in one way.

        The second are the samples that are known; both are (n, n_samples).
        """
        waveforms, known = _prepared([(self.tracks[self.track[n]], self.start_s[n]) for n in items], encoder)
        return (augmentation(waveforms, known) if augmentation else waveforms).to(device), known.to(device)


def _prepared(places: Iterable[tuple[NDArray[np.int16], float]], encoder: SpeechEncoder) -> tuple[Tensor, Tensor]:
    waveforms, known = cut_windows(places, encoder.window_s)
    return encoder.prepare(waveforms, known), torch.from_numpy(known)


def build(
    task: TaskName, architecture: str, settings: AcousticNetworkConfig, encoder: SpeechEncoder | None = None
) -> AudioModel:
    """A fresh model of the paper's three, on an `encoder` or on that which the settings name."""
    encoder = load_encoder(settings.encoder, settings.window_s) if encoder is None else encoder
    if settings.gradient_checkpointing:
        encoder.network.activation_checkpointing_enable()
    return AudioModel(task, architecture, encoder, settings.window_s, settings.trained_layers)


def train_acoustic(
    task: TaskName,
    architecture: str,
    train: VoicedWindows,
    val: VoicedWindows,
    settings: AcousticNetworkConfig,
    seed: int,
    device: torch.device,
    resume: Resume | None = None,
    heard: Sequence[NDArray[np.int16]] = (),
) -> tuple[AudioModel, History]:
    """Train on windows; the epoch is chosen by the challenge measure on the windows of `val`.

    The history keeps what each epoch's model says of these windows and then of the whole tracks in `heard`, for
    `epoch_candidates`.
    """
    model = build(task, architecture, settings).to(device)
    loss = task_loss(task, train.labels, device, label_smoothing=settings.label_smoothing)
    truth = torch.from_numpy(train.labels).float()
    augmentation = Augmentation.of(settings)

    def batch_loss(items: Tensor) -> Tensor:
        waveforms, known = train.batch(items.numpy(), model.encoder, device, augmentation)
        np.random.seed(int(torch.randint(2**31, ())))  # transformers masks by it; torch's state is kept for a resume
        with half_on_gpu(device):
            outputs = model(waveforms, known)
        return loss(outputs.float(), truth[items].to(device))

    on_windows = np.empty((0, len(TASKS[task].outputs)), np.float32)

    def evaluate() -> Scores:
        nonlocal on_windows
        on_windows, labels = window_outputs(model, val, settings.training.batch_size, device)
        return metrics.score(task, labels, on_windows)

    def said() -> Tensor:
        on_tracks = [predict_track(task, model, track, settings, device)[2] for track in heard]
        return torch.from_numpy(np.concatenate([on_windows, *on_tracks])).half()

    measure = TASKS[task].challenge_measure
    history = fit(model, batch_loss, len(train), evaluate, measure, settings.training, seed, resume, outputs=said)
    return model, history


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


def window_outputs(
    model: AudioModel, windows: VoicedWindows, batch_size: int, device: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Outputs (n * steps, 2 or 8) and labels (n * steps, 2 or 1) of every step of every window, one after the other."""
    with torch.inference_mode(), half_on_gpu(device):
        parts = np.array_split(np.arange(len(windows)), -(-len(windows) // batch_size))
        batches = (windows.batch(items, model.encoder, device) for items in parts)
        outputs = np.concatenate([model(*batch).float().cpu().numpy() for batch in batches])
    width = windows.labels.shape[2] if windows.labels.ndim == 3 else 1
    return outputs.reshape(-1, outputs.shape[2]), windows.labels.reshape(-1, width)


def scored_windows(
    task: TaskName, model: AudioModel, windows: VoicedWindows, settings: AcousticNetworkConfig, device: torch.device
) -> pa.Table:
    """The `scored` table of voiced windows: a row for each step, a second for EXPR, a fifth of one for VA."""
    outputs, labels = window_outputs(model, windows, settings.training.batch_size, device)
    return scored_table(task, model.architecture, *window_spans(task, windows), outputs, labels)


def window_spans(
    task: TaskName, windows: VoicedWindows
) -> tuple[NDArray[np.object_], NDArray[np.float64], NDArray[np.float64]]:
    """The sample of every step of every window (n * steps,), and when it begins and ends (s)."""
    steps = steps_per_window(task, windows.window_s)
    length = windows.window_s / steps
    begins = (windows.start_s[:, None] + np.arange(steps) * length).ravel()
    return np.repeat(windows.samples, steps), begins, begins + length


def predict_track(
    task: TaskName,
    model: AudioModel,
    track: NDArray[np.int16],
    settings: AcousticNetworkConfig,
    device: torch.device,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Predict on a whole 16 kHz track, voiced or not: starts (n,) and ends (n,) in seconds, outputs (n, 2 or 8)."""
    return _over_track(task, model, model, track, settings, device)


def embed_track(
    task: TaskName,
    model: AudioModel,
    track: NDArray[np.int16],
    settings: AcousticNetworkConfig,
    device: torch.device,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """The embeddings (n, width) of a whole 16 kHz track; see `predict_track`."""
    return _over_track(task, model, model.embed, track, settings, device)


def _over_track(
    task: TaskName,
    model: AudioModel,
    network: Callable[[Tensor, Tensor], Tensor],
    track: NDArray[np.int16],
    settings: AcousticNetworkConfig,
    device: torch.device,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    duration_s = len(track) / SAMPLE_RATE_HZ
    starts = windows_over(duration_s, settings.window_s, settings.step_s)
    outputs = []
    with torch.inference_mode(), half_on_gpu(device):
        for first in range(0, len(starts), settings.training.batch_size):
            some = starts[first : first + settings.training.batch_size]
            waveforms, known = _prepared([(track, start_s) for start_s in some], model.encoder)
            outputs.append(network(waveforms.to(device), known.to(device)).float().cpu().numpy())
    begins, ends, counts = spans_over(task, duration_s, settings)
    return begins, ends, np.concatenate(outputs).reshape(len(counts), -1)[counts]


def spans_over(
    task: TaskName, duration_s: float, settings: AcousticNetworkConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """When the predictions on a whole track begin and end (n,), and which of all windows' outputs they are.

    Of the last window, which ends with the track and so does not stand at a step, only those count that reach beyond
    the window before: windows whose outputs lie between each other's would be joined to a saw.
    """
    starts = np.array(windows_over(duration_s, settings.window_s, settings.step_s))
    steps = steps_per_window(task, settings.window_s)
    length = settings.window_s / steps
    begins = starts[:, None] + np.arange(steps) * length
    counts = begins < max(duration_s, length)
    if len(starts) > 1 and starts[-1] != starts[-2] + settings.step_s:
        counts[-1] &= begins[-1] + length / 2 >= starts[-2] + settings.window_s
    counts = counts.ravel()
    return begins.ravel()[counts], begins.ravel()[counts] + length, counts


def prediction_table(
    task: TaskName,
    sample: str,
    begins: NDArray[np.float64],
    ends: NDArray[np.float64],
    values: NDArray[np.float32],
    runs: Runs,
) -> pa.Table:
    """What `predict_track` found for one sample, as a `predictions` table; voiced is what has its middle in a run."""
    middles = (begins + ends) / 2
    voiced = np.any([(start <= middles) & (middles < end) for start, end in [*runs, (0.0, 0.0)]], axis=0)
    columns = {"sample": pa.array([sample] * len(begins), pa.string()), "start_s": begins, "end_s": ends}
    columns[VOICED] = pa.array(voiced)
    return pa.table(columns | {name: values[:, k] for k, name in enumerate(TASKS[task].outputs)})
