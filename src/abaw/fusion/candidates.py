"""Where the tables of candidates of each model lie: one for each cell that was trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from abaw.config import Config
from abaw.seeds.layout import UNSEEDED, is_seed
from abaw.tasks import TaskName


@dataclass(frozen=True)
class Table:
    """A table of candidates: the training whose models it is of, the model, and where it lies."""

    training: str
    model: str
    path: str


@dataclass(frozen=True)
class Candidates:
    """The cells of each model that the configuration names."""

    config: Config

    def of_task(self, task: TaskName) -> dict[str, str]:
        """Each table with its model, of the models that a system has; cells stand in the order of their sweep.

        Of a model that is brought, of which nothing is chosen, it is the table of its predictions.
        """
        return {table.path: table.model for table in self.of_trainings([task])}

    def of_trainings(self, names: Sequence[str]) -> list[Table]:
        """The tables of trainings whose models speak together, those of all folds or seeds; or of one alone.

        What is brought knows of no folds and seeds, and what no seed changes stands in the first of these alone.
        """
        brought = set(self.config.models)
        systems = [set(system.models) for system in self.config.systems.values()]
        if len(names) > 1:
            systems = [models for models in systems if not models & brought]
        asked = set().union(*systems)
        found = [
            Table(name, model, f"results/{folder.format(task=name)}/candidates.parquet")
            for name in names
            for model, folders in self._cells().items()
            if model in asked and not (is_seed(name) and model in UNSEEDED)
            for folder in folders
        ]
        place = "results/predictions/{task}/{model}/val.parquet"
        return found + [
            Table(name, model, place.format(task=name, model=model))
            for name in names
            for model in sorted(asked & brought)
        ]

    def _cells(self) -> dict[str, list[str]]:
        """The folders of each model's cells, in the order of their sweep."""
        sweep, acoustic = self.config.dynamic.sweep, self.config.acoustic.architectures
        cells = {
            "visual": [f"dynamic/{{task}}/{w}s_{n}" for n in sweep.normalisers for w in sweep.windows_s],
            "acoustic": [f"acoustic/{{task}}/{name}" for name in acoustic],
            "functional": ["functional/{task}"],
            "voice_functional": ["voice_functional/{task}"],
        }
        return cells | {
            f"{name}_attention": [f"attention/{{task}}/{name}"] for name in self.config.attention.mechanisms
        }
