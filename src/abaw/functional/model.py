"""A functional model: functionals of embeddings, scaled, into a kernel ELM (paper §2.2.2, Figure 2).

`abaw.functional.choosing` fits it.

As in the authors' code each feature is standardised over training, and each window scaled to unit length, or, as in
what they submitted, neither; or each feature is standardised over the windows of its own track, which takes out what is
particular to a person and is fitted on nothing else. The ELM is fitted to the classes' indicators; what it says of a
class, at least 0.001 and at most 1, counts as its share, whose logarithm is written, so that the softmax of the next
stage gives these shares in proportion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from abaw.config import FunctionalConfig, ScalingName
from abaw.functional.functionals import Functional, WindowStatistics, window_statistics
from abaw.functional.kernels import Expansion, of_unit_length
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tables.arrays import blocks, embedding_matrix, labels_at, labels_by_sample
from abaw.tables.priors import predictions_table
from abaw.tasks import TASKS, TaskName
from abaw.weights.cards import check_card

LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class Windows:
    """The windows of a split: names of all its samples, functionals, and labels (n, 2) or (n, 1), NaN where unknown.

    `of_what` they are, in words.
    """

    names: list[str]
    statistics: WindowStatistics
    labels: NDArray[np.float64]
    of_what: str = "faces"

    @classmethod
    def of(
        cls, task: TaskName, embeddings: Sequence[pa.Table], labels: pa.Table | None, settings: FunctionalConfig
    ) -> "Windows":
        """Windows over embeddings, tables of the same frames side by side, with the labels of these, face or not.

        Which frames show a face is the first table's to say.

        A window's valence and arousal are the means of those known, its expression the most frequent; of equally
        frequent ones, the lowest class number.
        """
        first = embeddings[0]
        rows = list(blocks(first))
        statistics = window_statistics(
            np.repeat(np.arange(len(rows)), [len(block) for _, block in rows]),
            first["time_s"].to_numpy(),
            np.hstack([embedding_matrix(table) for table in embeddings]),
            first["has_face"].to_numpy(zero_copy_only=False).astype(bool),
            settings.window_s,
            settings.min_share,
        )
        by_sample = labels_by_sample(task, labels) if labels is not None else {}
        unlabelled = np.empty((0, len(TASKS[task].labels)))
        truth = [labels_at(by_sample.get(sample, unlabelled), block["frame"].to_numpy()) for sample, block in rows]
        of_windows = labels_of_windows(
            task, np.concatenate([unlabelled, *truth]), statistics.of_frame, len(statistics.start_s)
        )
        return cls([sample for sample, _ in rows], statistics, of_windows)

    @property
    def samples(self) -> NDArray[np.object_]:
        """The sample of each window, (n,)."""
        return np.array(self.names, dtype=object)[self.statistics.of_sample]


def labels_of_windows(
    task: TaskName, labels: NDArray[np.float64], of_frame: NDArray[np.integer], n_windows: int
) -> NDArray[np.float64]:
    """The labels (n_windows, k) of windows: the mean of values, the most frequent class, the usual flags.

    NaN where none is known.

    `labels` (n, 2 or 1) are read at times of which `of_frame` (n,) says in which window each is, -1 where in none.
    """
    known = (of_frame >= 0) & ~np.isnan(labels).any(axis=1)
    kind = TASKS[task].kind
    width = len(TASKS[task].outputs)
    sums = np.zeros((n_windows, width))
    values = np.eye(width)[labels[known, 0].astype(int)] if kind == "classes" else labels[known]
    np.add.at(sums, of_frame[known], values)
    counts = np.bincount(of_frame[known], minlength=n_windows)[:, None]
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    if kind == "values":
        return means
    if kind == "flags":
        return np.where(counts > 0, (means >= 0.5).astype(np.float64), np.nan)
    return np.where(counts > 0, sums.argmax(axis=1)[:, None].astype(np.float64), np.nan)


@dataclass(frozen=True)
class Scaling:
    """Features (n, width) less a mean and over a deviation, then to unit length; as they are where `name` is none.

    `mean` and `deviation` (width,) are those of training with standard; per_video takes each track's own.
    """

    name: ScalingName = "none"
    mean: NDArray[np.float64] | None = None
    deviation: NDArray[np.float64] | None = None

    @classmethod
    def fitted(cls, name: ScalingName, features: NDArray[np.float64]) -> "Scaling":
        """What is fitted of it: with standard, to the features of training."""
        if name != "standard":
            return cls(name)
        return cls(name, features.mean(axis=0), _nonzero(features.std(axis=0)))

    def of(self, features: NDArray[np.float64], of_sample: NDArray[np.integer]) -> NDArray[np.float64]:
        """The scaled features; `of_sample` (n,) is each window's track, whose windows stand together.

        With per_video, features of a track of a single window, which has nothing to be compared with, are zeros.
        """
        if self.name == "per_video" and len(features):
            return of_unit_length(_standardised_within(features, of_sample))
        if self.mean is None or self.deviation is None or not len(features):
            return features
        return of_unit_length((features - self.mean) / self.deviation)


def _standardised_within(features: NDArray[np.float64], of_sample: NDArray[np.integer]) -> NDArray[np.float64]:
    """Features (n, width) less the mean and over the deviation of each run of equal `of_sample`."""
    begins = np.flatnonzero(np.diff(of_sample, prepend=of_sample[0] - 1))
    counts = np.diff(begins, append=len(features))

    def mean_within(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(values, begins, axis=0) / counts[:, None]

    centred = features - np.repeat(mean_within(features), counts, axis=0)
    # Rounding leaves something of a feature that is constant over a track.
    deviation = np.sqrt(mean_within(centred**2))
    deviation[deviation < 1e-9 * np.abs(features).max()] = 0.0
    centred[np.repeat(deviation == 0, counts, axis=0)] = 0.0
    return centred / np.repeat(_nonzero(deviation), counts, axis=0)


def _nonzero(deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """A deviation of 1 where a feature is constant."""
    return np.where(deviation == 0, 1.0, deviation)


@dataclass(frozen=True)
class FunctionalModel:
    """What `choose` kept: the set of functionals, how features are scaled, and the ELM."""

    functionals: Sequence[Functional]
    scaling: Scaling
    elm: Expansion
    classes: list[int]

    def outputs(self, task: TaskName, statistics: WindowStatistics) -> NDArray[np.float64]:
        """Values (n, k) in [-1, 1], probabilities of flags (n, k), or the logarithms of the classes' shares (n, 8)."""
        if not len(statistics.start_s):
            return np.empty((0, len(TASKS[task].outputs)))
        features = self.scaling.of(statistics.features(self.functionals), statistics.of_sample)
        return as_outputs(task, self.elm.outputs(features), self.classes)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Everything that is a number in it, for `save_model`."""
        found = {"coef": self.elm.coefficients}
        if self.scaling.mean is not None and self.scaling.deviation is not None:
            found |= {"mean": self.scaling.mean, "deviation": self.scaling.deviation}
        return found if self.elm.basis is None else found | {"basis": self.elm.basis}


def save_model(model: FunctionalModel, path: Path) -> None:
    """Write the model's numbers as safetensors; what is no number belongs in the card (`about`)."""
    with whole_file(path) as beside:
        beside.write_bytes(save({name: np.ascontiguousarray(value) for name, value in sorted(model.arrays().items())}))


def about(model: FunctionalModel) -> dict[str, Any]:
    """What the card has to say for `load_model`."""
    gamma = float(model.elm.gamma)
    return {
        "functionals": list(model.functionals),
        "scaling": model.scaling.name,
        "kernel": model.elm.kernel,
        "gamma": gamma,
        "classes": model.classes,
    }


def load_model(path: Path, card: Mapping[str, Any]) -> FunctionalModel:
    """Load what `save_model` wrote, with its card; `UserError` where the file cannot be read or is not the card's."""
    check_card(path, card)
    try:
        arrays = {name: array.astype(np.float64) for name, array in load_file(path).items()}
        elm = Expansion.of(card["kernel"], card["gamma"], arrays["coef"], arrays.get("basis"))
        scaling = Scaling(card["scaling"], arrays.get("mean"), arrays.get("deviation"))
        return FunctionalModel(card["functionals"], scaling, elm, card["classes"])
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(f"the weights {path} cannot be read ({error}); delete them and run again") from error


def predict_functional(
    task: TaskName, weights: Path, card: Mapping[str, Any], settings: FunctionalConfig, embeddings: Sequence[pa.Table]
) -> pa.Table:
    """The `predictions` table of embeddings, tables of the same frames: a row for each window that counts."""
    model = load_model(weights, card)
    windows = Windows.of(task, embeddings, None, settings)
    outputs = model.outputs(task, windows.statistics)
    spans = windows.statistics.start_s, windows.statistics.end_s
    return predictions_table(task, windows.samples, *spans, outputs, windows.names, card["prior"])


def as_outputs(task: TaskName, values: NDArray[np.float64], classes: Sequence[int]) -> NDArray[np.float64]:
    """What an ELM of these classes says, as the outputs of a model: see `FunctionalModel.outputs`."""
    if TASKS[task].kind == "flags":
        return (values.clip(-1, 1) + 1) / 2
    if TASKS[task].kind == "values":
        return values.clip(-1, 1)
    shares = np.zeros((len(values), len(TASKS[task].outputs)))
    shares[:, classes] = values
    return np.log(shares.clip(LEAST_SHARE, 1))
