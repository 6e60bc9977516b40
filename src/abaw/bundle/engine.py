"""Apply a bundle: from faces and voices to a row a frame, by the functions that a run's test split goes through."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from abaw.acoustic.prediction import Heard, hear_samples, load_acoustic, tables_of
from abaw.attention.prediction import predict_attention
from abaw.bundle.encoders import frozen_encoder, trained_encoder
from abaw.bundle.form import HEAR_ONLY, StoredCalibration, StoredTask
from abaw.bundle.reading import read_bundle, stored_model
from abaw.bundle.sources import STATIC
from abaw.config import ComputeConfig
from abaw.dynamic.prediction import predict_dynamic
from abaw.functional.ear import Ear, describe_samples
from abaw.functional.model import predict_functional
from abaw.functional.voice import predict_voices
from abaw.fusion.calibration import Calibration
from abaw.fusion.weighting import as_probabilities, fuse, weighted_inputs
from abaw.nn import runtime
from abaw.static.embedding import embed_samples as embed_faces
from abaw.static.embedding import open_embedder
from abaw.static.spec import StaticSpec
from abaw.tables.arrays import KEYS, frames_table, matrix
from abaw.tasks import TASKS, TaskName
from abaw.timeline.alignment import frames_of
from abaw.timeline.rows import Rows
from abaw.weights.cards import Card


class Footage(NamedTuple):
    """What the stages before have made of some samples.

    The rows that are asked for of each, in order; the tables `faces` of their videos; the 16 kHz track of each sample;
    and the table `voiced`. `embeddings` are the tables by `Engine.embeddings` of tasks, where they are on the way.
    """

    rows: Sequence[Rows]
    faces: Sequence[Path]
    tracks: Mapping[str, Path]
    voiced: pa.Table
    embeddings: Mapping[TaskName, Future[pa.Table]] | None = None


class Engine:
    """A bundle that `unpack_bundle` has laid out in `folder`, ready to predict.

    `embedders` are the frame-level models of tasks as ONNX, by `export_embedder`, for a CPU; those that are not there
    are made out of the bundle, which takes some seconds.
    """

    def __init__(self, folder: Path, compute: ComputeConfig, embedders: Mapping[TaskName, Path] | None = None) -> None:
        self.folder, self.compute, self.embedders = folder, compute, embedders or {}
        self.bundle = read_bundle(folder)
        self.device = runtime.start(compute, seed=0, keeps_memory=False)

    def frames(self, task: TaskName, names: Iterable[str], footage: Footage) -> dict[str, pa.Table]:
        """The `frames` table of each of the systems, or models, that are named, by the bundle's own smoothing."""
        known = self.bundle.tasks[task]
        names = list(names)
        members = {name: known.systems[name].models if name in known.systems else [name] for name in names}
        run = _Run(self, task, known, footage)
        wanted = dict.fromkeys(model for models in members.values() for model in models)
        # First those that need no face: meanwhile the faces may be embedded.
        aligned = {model: run.aligned(model) for model in sorted(wanted, key=lambda model: model not in HEAR_ONLY)}
        found = {}
        for name in names:
            tables = [aligned[model] for model in members[name]]
            system = known.systems.get(name)
            weights = None if system is None else system.weights
            fused = tables[0] if weights is None else self._fused(task, members[name], tables, weights)
            stored = None if system is None else system.calibration
            found[name] = fused if stored is None else _calibrated(task, fused, stored)
        return found

    def embeddings(self, task: TaskName, faces: Sequence[Path], samples: Sequence[str]) -> pa.Table:
        """The `embeddings` table of some samples of a task, whose videos have the tables `faces`."""
        weights, card = stored_model(self.folder, self.bundle, task, STATIC)
        if self.device.type == "cpu" and task in self.embedders:
            embedder, spec = open_embedder(self.embedders[task], self.compute.threads), StaticSpec.from_card(card)
        else:
            from abaw.static.embedder import load_embedder  # the backbones' libraries load only where they are needed

            embedder, spec = load_embedder(weights, card, self.device, self.compute.threads)
        return embed_faces(embedder, spec, faces, samples, self.device, self.bundle.settings.embedding.without_face)

    def _fused(
        self, task: TaskName, models: Sequence[str], tables: Sequence[pa.Table], weights: list[list[float]]
    ) -> pa.Table:
        settings = self.bundle.settings
        outputs = [matrix(table, TASKS[task].outputs) for table in tables]
        said = weighted_inputs(task, outputs, models, settings.max_entropy_nats, settings.combined)
        fused = as_probabilities(task, fuse(np.stack(said), np.array(weights)), settings.combined)
        return frames_table(task, tables[0].select(KEYS), fused)


def _calibrated(task: TaskName, table: pa.Table, stored: StoredCalibration) -> pa.Table:
    calibration = Calibration(stored.temperature, stored.bias)
    values = matrix(table, TASKS[task].outputs)
    return frames_table(task, table.select(KEYS), calibration.apply(values))


@dataclass
class _Run:
    """One task on some footage: each model is loaded once, and what several read is made once."""

    engine: Engine
    task: TaskName
    known: StoredTask
    footage: Footage

    def aligned(self, model: str) -> pa.Table:
        """What a model says of every row."""
        width_s, kind = self.known.models[model].smoothing_s, self.known.models[model].filter
        assert width_s is not None
        smoothed = self.engine.bundle.settings.smoothed
        return frames_of(self.task, self.predictions(model), self.footage.rows, width_s, smoothed, kind)

    def predictions(self, model: str) -> pa.Table:
        """The `predictions` table of a model."""
        settings, device = self.engine.bundle.settings, self.engine.device
        weights, card = self._stored(model)
        if model == "visual":
            return predict_dynamic(self.task, weights, card, settings.dynamic, [self.faces], device)
        if model == "functional":
            return predict_functional(self.task, weights, card, settings.functional, [self.faces])
        if model == "voice_functional":
            how = settings.voice_functional.statistics
            return predict_voices(self.task, weights, card, how, self.statistics, self.footage.rows)
        if model == "acoustic":
            return tables_of(self.task, self.heard.items(), self.footage.voiced)[0]
        return predict_attention(self.task, weights, card, settings.attention, [self.faces, self.voices], device)

    @cached_property
    def faces(self) -> pa.Table:
        """The `embeddings` table of all samples."""
        made = (self.footage.embeddings or {}).get(self.task)
        if made is not None:
            return made.result()
        return self.engine.embeddings(self.task, self.footage.faces, [row.sample for row in self.footage.rows])

    @cached_property
    def voices(self) -> pa.Table:
        """The `voice_embeddings` table of all samples, at the frames of `faces`."""
        return tables_of(self.task, self.heard.items(), self.footage.voiced, self.faces)[1]

    @cached_property
    def heard(self) -> dict[str, Heard]:
        """What the acoustic model says of all samples."""
        settings, device = self.engine.bundle.settings.acoustic, self.engine.device
        encoder = trained_encoder(self.engine.bundle)
        model = load_acoustic(self.task, *self._stored("acoustic"), settings, device, encoder)
        return dict(hear_samples(self.task, model, settings, self.footage.tracks, device))

    @cached_property
    def statistics(self) -> pa.Table:
        """The `voice_statistics` table of all samples."""
        settings, device = self.engine.bundle.settings.voice_functional.statistics, self.engine.device
        encoder = frozen_encoder(self.engine.bundle, self.engine.folder)
        ear = Ear.of(settings, device) if encoder is None else Ear.with_encoder(encoder, settings, device)
        return describe_samples(ear, self.footage.tracks, self.footage.voiced)

    def _stored(self, model: str) -> tuple[Path, Card]:
        return stored_model(self.engine.folder, self.engine.bundle, self.task, model)
