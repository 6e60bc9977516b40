"""What systems reach by what each candidate of their models says of validation: chosen on all of it, and nested.

The smoothing of a model, the weights of a fusion and the biases after it are fitted here as the workflow fits them, by
its own functions, without files between: many settings of what comes after the networks cost one training of these.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from beyond_parts import ALL, OFF, PAPER, WHOLE
from numpy.typing import NDArray

from abaw import metrics
from abaw.commands.nested import read_candidates, read_validation
from abaw.comparison.runs import drawn_scores
from abaw.config import Config, TimelineConfig, check_config
from abaw.fusion.candidates import Candidates
from abaw.fusion.nested import Validation, fitted_without, model_frames, system_frames
from abaw.fusion.systems import Members
from abaw.report.scores import Resampling
from abaw.tasks import TASKS, TaskName

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """Settings under the name of their cell: a whole configuration, of whose systems each is scored in its `tasks`."""

    cell: str
    config: Mapping[str, Any]
    tasks: Sequence[TaskName]


class Judged:
    """The candidates of all models of a challenge, out of the folder of a run; what they say is aligned once."""

    def __init__(self, folder: Path, task: TaskName, config: Mapping[str, Any]) -> None:
        checked = check_config(config)
        corpus = folder / "results" / "corpus" / task
        known = [corpus / "val/tracks.parquet", *(corpus / split / "labels.parquet" for split in ("train", "val"))]
        # The fold without a video is the last: what is chosen without it is chosen on all.
        _, self.validation = read_validation(task, *known, checked.scoring.folds, empty=1)
        self._tables: dict[str, list[pa.Table]] = defaultdict(list)
        for path, model in Candidates(checked).of_task(task).items():
            self._tables[model].append(read_candidates(task, folder / path))
        self._frames: dict[tuple[str, str], list[Array]] = {}

    def frames(self, model: str, timeline: TimelineConfig) -> list[Array]:
        """What a model says of all rows, (n, 2 or 8), chosen without each fold, and last chosen on all."""
        key = model, timeline.model_dump_json()
        if key not in self._frames:
            self._frames[key] = model_frames(self._tables[model], self.validation, timeline)[0]
        return self._frames[key]

    def outputs(self, system: str, config: Config) -> tuple[Array, Array]:
        """What a system says of all rows, (n, 2 or 8): nested, and as it is fitted to them."""
        members = Members(config.systems[system].models, config.systems[system].fusion)
        said = {model: self.frames(model, config.timeline) for model in members.models}
        about = self.validation, config.fusion, config.seed, 1
        nested = system_frames(members, {model: each[:-1] for model, each in said.items()}, *about)
        every = np.stack([said[model][-1] for model in members.models])
        fitted, _ = fitted_without(members, every, np.zeros(every.shape[1], bool), *about)
        return nested, fitted

    def score(self, outputs: Array) -> float:
        """The challenge measure of all rows."""
        task = self.validation.task
        return round(metrics.score(task, self.validation.truth, outputs)[TASKS[task].challenge_measure], 6)


def judge(
    folder: Path, asked: Sequence[Asked], tasks: Sequence[TaskName], kept: Path, resampling: Resampling, cores: int
) -> dict[str, dict[str, Any]]:
    """The scores of cells by the candidates in a folder: of each system fitted and nested, by cell and challenge.

    What the paper's system of the cell `off` says, nested, is kept in the folder `kept`. With it the cell `preset` is
    compared: under `drawn` the difference of their scores, and that on each draw of the videos. Each challenge may
    have a core.
    """
    own = partial(_of_task, folder, asked, kept, resampling)
    if cores > 1 and len(tasks) > 1:
        with ProcessPoolExecutor(min(cores, len(tasks))) as pool:
            by_task = dict(zip(tasks, pool.map(own, tasks), strict=True))
    else:
        by_task = {task: own(task) for task in tasks}
    found = {}
    for cell in (one.cell for one in asked):
        reached = {task: own[cell] for task, own in by_task.items() if cell in own}
        found[cell] = {
            "scores": {task: each["scores"] for task, each in reached.items()},
            "drawn": {task: each["drawn"] for task, each in reached.items() if "drawn" in each},
        }
    return found


def _of_task(
    folder: Path, asked: Sequence[Asked], kept: Path, resampling: Resampling, task: TaskName
) -> dict[str, dict[str, Any]]:
    judged = Judged(folder, task, asked[0].config)
    place, found = kept / f"{task}.npy", {}
    for one in (one for one in asked if task in one.tasks):
        config = check_config(one.config)
        said = {system: judged.outputs(system, config) for system in config.systems}
        cell: dict[str, Any] = {"scores": {name: judged.score(fitted) for name, (_, fitted) in said.items()}}
        cell["scores"] |= {f"{name}_nested": judged.score(nested) for name, (nested, _) in said.items()}
        if one.cell == OFF:
            np.save(place, said[PAPER][0])
        if one.cell == ALL:
            cell["drawn"] = drawn(judged.validation, np.load(place), said[WHOLE][0], resampling)
        found[one.cell] = cell
    return found


def drawn(validation: Validation, paper: Array, preset: Array, resampling: Resampling) -> list[float]:
    """What the preset gains over the paper's way, of outputs (n, 2 or 8): on all rows, and on each draw of videos."""
    _, videos = np.unique(validation.video_of_row, return_inverse=True)
    first, second = drawn_scores(validation.task, validation.truth, [paper, preset], videos, resampling)
    return [round(value, 6) for value in (second - first).tolist()]
