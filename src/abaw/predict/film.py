"""One video through the systems of a bundle: from its faces and its voice to the table `people`."""

import platform
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from abaw.bundle.engine import Engine, Footage
from abaw.bundle.form import JSON_NAME
from abaw.bundle.words import in_words
from abaw.config import ComputeConfig
from abaw.faces.breaks import BROKEN
from abaw.faces.stream import Span
from abaw.media.decisions import Decision
from abaw.media.info import VideoInfo
from abaw.predict.people import Said, Shown, Sightings, people_rows
from abaw.predict.speaking import a_voice, heard_in, spoken_runs
from abaw.tables.arrays import blocks, matrix, runs_of
from abaw.tables.files import read_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS, TaskName
from abaw.timeline.rows import Rows
from abaw.weights.cards import package_version
from abaw.weights.manifest import sha256_of

VERSIONS = ("abaw-flow", "torch", "onnxruntime", "mediapipe", "av", "numpy")
NOBODY = "no face was found"


@dataclass(frozen=True)
class Film:
    """A video and what the stages before have made of it: its id, the tables `faces` and `voiced`, its 16 kHz track
    where a model hears; the span (s) that is asked for, and how many frames a second were analysed.
    """

    name: str
    info: VideoInfo
    faces: Path
    voiced: Path
    voice: Path | None
    span_s: Span
    rate_hz: float


@dataclass(frozen=True)
class Predicted:
    """The table `people` of a video, and what there is to say about how it was made."""

    table: pa.Table
    about: dict[str, Any]
    info: VideoInfo
    trained_hz: float

    def problems(self, remarks: Mapping[str, str], decided: Sequence[Decision]) -> list[str]:
        """What was decided where the video left room for it, or stands against it, a sentence each."""
        found = [remarks[name] for name in (BROKEN, "left_out") if name in remarks]
        if not self.about["frames"]:
            found.append(f"no frame is in the span that was asked for: the video ends at {self.info.duration_s:.2f} s")
        elif not self.about["subjects"] and "left_out" not in remarks:
            found.append(NOBODY)
        if not self.info.has_audio:
            found.append("no audio stream: silence is taken")
        if self.info.is_variable:
            found.append("variable frame rate: every frame counts at its own time")
        if self.about["analysed_fps"] != self.trained_hz:
            found.append(
                f"faces were looked for {self.about['analysed_fps']:g} times a second, where the models were trained "
                f"on {self.trained_hz:g}: what they take for a second is another time"
            )
        return found + [f"{one.found}: {one.remedy}" for one in decided]


def changed_meanwhile(video: Path, planned_bytes: int) -> list[str]:
    """What stands against a video that has another size than when the run was planned: it was read in two states."""
    now_bytes = video.stat().st_size
    if now_bytes == planned_bytes:
        return []
    return [
        f"the file changed while it was read, from {planned_bytes} to {now_bytes} bytes: predict it again when it is "
        "complete"
    ]


def predict_film(
    film: Film, bundle: Path, compute: ComputeConfig, embedders: Mapping[TaskName, Path] | None = None
) -> Predicted:
    """Predict every frame of a video for every subject by the preferred system of each task.

    `bundle` is a folder that `unpack_bundle` has filled, `embedders` what `Engine` takes. A video without any face has
    one subject, of whom nothing is known. Where nobody speaks, models that hear are given silence: whatever sounds
    there is nobody's.
    """
    began_s, began = time.monotonic(), datetime.now(UTC)
    engine = Engine(bundle, compute, embedders)
    times_s = np.array([float(at) for at in film.info.times()])
    shown = Shown.of(times_s, film.span_s, film.rate_hz)
    columns = ["sample", "frame", "time_s", "has_face", "x0_px", "y0_px", "x1_px", "y1_px", "score"]
    faces = read_table("faces", film.faces, columns)
    order = pa.array(np.lexsort([faces["frame"].to_numpy(), faces["sample"].to_numpy().astype(int)]))
    seen = {sample: Sightings.of(block) for sample, block in blocks(faces.take(order))}
    seen = {sample: sightings for sample, sightings in seen.items() if sightings.has_face.any()}
    voiced = read_table("voiced", film.voiced)
    gate = engine.bundle.settings.speech.gate
    with ThreadPoolExecutor(1) as pool:  # faces are embedded while the voice is heard
        tasks = [name for name, task in engine.bundle.tasks.items() if task.sees and seen]
        embeddings = {task: pool.submit(engine.embeddings, task, [film.faces], list(seen)) for task in tasks}
        heard = heard_in(film.voice, film.info.has_audio) if seen else None
        speaking = {sample: spoken_runs(runs_of(voiced, sample), heard, gate) for sample in seen}
        with a_voice(film.voice, any(speaking.values())) as voice:
            said = _said(engine, replace(film, voice=voice), list(seen), embeddings)
    tables = [
        people_rows(
            film.name,
            int(sample),
            shown,
            sightings,
            {task: Said(outputs[sample][shown.numbers - 1], system) for task, (system, outputs) in said.items()},
            speaking.get(sample, []),
        )
        for sample, sightings in (seen or {"1": Sightings.of(faces.slice(0, 0))}).items()
    ]
    about = {
        "subjects": len(seen),
        "anybody_speaks": any(speaking.values()),
        "frames": len(shown.numbers),
        "fps": f"{film.info.fps.numerator}/{film.info.fps.denominator}",
        "duration_s": float(film.info.duration_s),
        "analysed_fps": film.rate_hz,
        "device": str(engine.device),
        "versions": {name: package_version(name) for name in VERSIONS} | {"python": platform.python_version()},
        "bundle": {
            "sha256": sha256_of(bundle / JSON_NAME),
            "made_by": engine.bundle.package,
            "knows": [line for line in in_words(engine.bundle).splitlines() if line],
            "systems": {task: known.preferred for task, known in engine.bundle.tasks.items()},
        },
        "times": {"began": began.isoformat(timespec="seconds"), "predicting_s": round(time.monotonic() - began_s, 2)},
    }
    table = pa.concat_tables([SCHEMAS["people"].empty_table(), *tables])
    return Predicted(table, about, film.info, engine.bundle.settings.faces.analysis_rate_hz)


def _said(
    engine: Engine, film: Film, subjects: Sequence[str], embeddings: Mapping[TaskName, Future[pa.Table]]
) -> dict[TaskName, tuple[str, dict[str, Any]]]:
    """For each task of the bundle its preferred system, and what that says of each subject: (n_frames, 2 or 8)."""
    if not subjects:
        return {}
    times_s = None if film.info.frame_times is None else tuple(map(float, film.info.frame_times))
    rows = [Rows(subject, film.info.n_frames, film.info.fps, times_s) for subject in subjects]
    tracks = {} if film.voice is None else dict.fromkeys(subjects, film.voice)
    footage = Footage(rows, [film.faces], tracks, read_table("voiced", film.voiced), embeddings)
    found: dict[TaskName, tuple[str, dict[str, Any]]] = {}
    for task, known in engine.bundle.tasks.items():
        [table] = engine.frames(task, [known.preferred], footage).values()
        values = matrix(table, TASKS[task].outputs).reshape(len(subjects), film.info.n_frames, -1)
        found[task] = known.preferred, dict(zip(subjects, values, strict=True))
    return found
