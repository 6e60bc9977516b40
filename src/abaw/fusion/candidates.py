"""Where the tables of candidates of each model lie: one for each cell that was trained."""

from dataclasses import dataclass

from abaw.config import Config
from abaw.tasks import TaskName


@dataclass(frozen=True)
class Candidates:
    """The cells of each model that the configuration names."""

    config: Config

    def of_task(self, task: TaskName) -> dict[str, str]:
        """Each table with its model, of the models that a system has; cells stand in the order of their sweep.

        Of a model that is brought, of which nothing is chosen, it is the table of its predictions.
        """
        asked = {model for system in self.config.systems.values() for model in system.models}
        sweep, acoustic = self.config.dynamic.sweep, self.config.acoustic.architectures
        cells = {
            "visual": [f"dynamic/{task}/{w}s_{n}" for n in sweep.normalisers for w in sweep.windows_s],
            "acoustic": [f"acoustic/{task}/{name}" for name in acoustic],
            "functional": [f"functional/{task}"],
            "voice_functional": [f"voice_functional/{task}"],
        }
        cells |= {f"{name}_attention": [f"attention/{task}/{name}"] for name in self.config.attention.mechanisms}
        found = {
            f"results/{cell}/candidates.parquet": model
            for model, folders in cells.items()
            if model in asked
            for cell in folders
        }
        brought = (model for model in sorted(self.config.models) if model in asked)
        return found | {f"results/predictions/{task}/{model}/val.parquet": model for model in brought}
