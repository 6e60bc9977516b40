"""Which tables hold what a model or a system says of every frame, by the names in the configuration."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from abaw.config import SystemConfig
from abaw.tasks import TASKS, Split, TaskName, task_named


@dataclass(frozen=True)
class Members:
    """What a system is made of: its models, and what combines them, `none`, `dirichlet` or `forest`."""

    models: list[str]
    fusion: str


@dataclass(frozen=True)
class Systems:
    """The models that have predictions, and the systems that are made of them, by name.

    Of the models that are `brought` there are no predictions of training, nor by folds. Where expressions are
    `calibrated`, each system has frames of its own, behind those of its fusion.
    """

    models: Sequence[str]
    systems: Mapping[str, SystemConfig]
    brought: Collection[str] = ()
    calibrated: bool = False

    def members(self) -> dict[str, dict[str, object]]:
        """What each system is made of, without its title, which changes nothing: the values of `Members`."""
        return {
            name: {"models": system.models, "fusion": system.fusion} for name, system in sorted(self.systems.items())
        }

    def names(self, task: str) -> list[str]:
        """The systems of a challenge, or of its folds, of which there are none with models that are brought."""
        folded = task_named(task) != task
        return [
            name for name, system in self.systems.items() if not (folded and set(system.models) & set(self.brought))
        ]

    def by_fusion(self, fusion: str) -> list[str]:
        """The systems that a fusion makes: `none`, `dirichlet` or `forest`."""
        return [name for name, system in self.systems.items() if system.fusion == fusion]

    def fits(self, task: TaskName, fusion: str) -> list[str]:
        """The files that say what each system of a fusion was fitted to."""
        return [f"results/systems/{task}/{name}/fit.json" for name in self.by_fusion(fusion)]

    def fused_into(self, system: str, task: TaskName, split: Split) -> list[str]:
        """The frames of each model of a system."""
        found = self.frames(task, split)
        return [found[model] for model in self.systems[system].models]

    def combined(self, system: str, task: TaskName, split: Split) -> str:
        """The frames of a system as its fusion leaves them: those of its model where it has a single one."""
        if self.systems[system].fusion == "none":
            return f"results/frames/{task}/{self.systems[system].models[0]}/{split}.parquet"
        return f"results/systems/{task}/{system}/{split}.parquet"

    def frames(self, task: TaskName, split: Split) -> dict[str, str]:
        """The frames of a split by name: models, systems, and what forests say of the rows that they have learned.

        A system of a single model has that model's, unless it is calibrated. On the training split, on which models are
        trained and fusion is not fitted, there are only the models.
        """
        folded = task_named(task) != task
        models = [model for model in self.models if model not in self.brought or not (folded or split == "train")]
        found = {model: f"results/frames/{task}/{model}/{split}.parquet" for model in models}
        if split == "train":
            return found
        for name in self.names(task):
            system = self.systems[name]
            found[name] = self.combined(name, task, split)
            if self.calibrated and TASKS[task_named(task)].kind == "classes":
                found[name] = f"results/calibrated/{task}/{name}/{split}.parquet"
            if system.fusion == "forest" and split == "val":
                for kind in ("out_of_bag", "in_sample"):
                    found[f"{name}_{kind}"] = f"results/systems/{task}/{name}/{kind}.parquet"
        return found

    def scored(self, task: TaskName, split: Split) -> dict[str, str]:
        """The frames that are scored: those of `frames`, and on validation the nested estimate of each system.

        A single fold, or a seed beside the first, has no estimate of its own.
        """
        estimated = split == "val" and (task_named(task) == task or task.endswith(("_folds", "_seeds")))
        nested = {f"{name}_nested": f"results/nested/{task}/{name}.parquet" for name in self.names(task)}
        return self.frames(task, split) | (nested if estimated else {})

    def shown(self, task: TaskName) -> dict[str, str]:
        """The validation frames that a timeline shows: both modalities where they are, and the last two that fuse."""
        found = self.frames(task, "val")
        fused = [name for name, system in self.systems.items() if system.fusion != "none"]
        return {name: found[name] for name in ["visual", "acoustic", *fused[-2:]] if name in found}
