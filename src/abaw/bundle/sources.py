"""Which files of a run go into a bundle, by the configuration alone."""

from dataclasses import dataclass

from abaw.config import Config
from abaw.tasks import TASKS, TaskName
from abaw.weights.manifest import packaged

STATIC = "static"
"""The model that embeds faces, beside those that predict."""
VOICE_ENCODER = "encoders/voice.safetensors"
"""The file of the encoder through which the functional model of the voice hears, where no package has it."""
SMALL = "small"
"""The encoder with random weights, which every version of the code makes alike."""


@dataclass(frozen=True)
class Sources:
    """The models and the systems of a configuration, and where a run writes them.

    Random forests stay behind: on AffWild2 their trees take 18 GB. So do systems of models that others have run.
    """

    config: Config

    @property
    def tasks(self) -> list[TaskName]:
        """The challenges whose models travel, in their order."""
        return [task for task in TASKS if task in self.config.bundle.tasks]

    def models(self, task: TaskName) -> dict[str, str]:
        """The folder of every model that travels, by name."""
        folders = {
            "visual": f"results/dynamic/{task}/best",
            "acoustic": f"results/acoustic/{task}/best",
            "functional": f"results/functional/{task}",
            "voice_functional": f"results/voice_functional/{task}",
            **{f"{name}_attention": f"results/attention/{task}/{name}" for name in self.config.attention.mechanisms},
        }
        backbone = getattr(self.config.static.backbones, task).folder
        wanted = self._wanted()
        return {STATIC: f"results/static/{task}/{backbone}"} | {
            name: folders[name] for name in self.config.own_models if name in wanted
        }

    def _of_other_inputs(self) -> list[str]:
        """The models that learn from something else than a bundle makes of a video for them."""
        ours = {"visual": ["faces"], "functional": ["faces"]}
        return [name for name, own in self.config.inputs.items() if own != ours.get(name, ["faces", "voice"])]

    def _wanted(self) -> set[str]:
        """The models that travel: all that can, or those of the systems alone, and what these need."""
        if self.config.bundle.models == "all":
            return set(self.config.own_models) - set(self._of_other_inputs())
        found = {model for name in self.systems() for model in self.config.systems[name].models}
        # Attention reads what the acoustic model embeds.
        return found | ({"acoustic"} if any(name.endswith("_attention") for name in found) else set())

    def systems(self) -> list[str]:
        """The systems that travel."""
        return sorted(set(self.config.systems) - set(self.left_out()))

    def left_out(self) -> dict[str, str]:
        """The systems that do not travel, and why."""
        found = {}
        for name, system in sorted(self.config.systems.items()):
            brought = [model for model in system.models if model in self.config.models]
            if brought:
                found[name] = f"the predictions of {', '.join(brought)} were brought, and there is no model to travel"
            elif other := [model for model in system.models if model in self._of_other_inputs()]:
                found[name] = f"{', '.join(other)} learned from what a bundle does not make of a video"
            elif system.fusion == "forest":
                found[name] = "a random forest, which does not travel"
        return found

    def fits(self, task: TaskName) -> dict[str, str]:
        """The file of the weights of each system that has some."""
        fused = (name for name in self.systems() if self.config.systems[name].fusion == "dirichlet")
        return {name: f"results/systems/{task}/{name}/fit.json" for name in fused}

    def calibrations(self, task: TaskName) -> dict[str, str]:
        """The file of bias and temperature of each system, where these are asked for."""
        if TASKS[task].kind != "classes" or not self.config.fusion.calibration.asked:
            return {}
        return {name: f"results/calibrated/{task}/{name}/fit.json" for name in self.systems()}

    def widths(self, task: TaskName) -> dict[str, str]:
        """The file of smoothing widths of each model, where the best of them is taken."""
        if self.config.timeline.width == "fixed":
            return {}
        return {name: f"results/timeline/{task}/{name}.csv" for name in self.models(task) if name != STATIC}

    def packaged_encoders(self) -> list[str]:
        """The speech encoders that an installed package carries."""
        return [name for name in self._encoders() if packaged(name)]

    def other_encoders(self) -> list[str]:
        """Those that are given by a folder or an id."""
        return [name for name in self._encoders() if name != SMALL and not packaged(name)]

    def encoder_files(self) -> dict[str, str]:
        """The file of each encoder that a model hears through as it is, and that would not be there elsewhere."""
        heard = self.config.voice_functional.statistics.encoder
        heard_through = "voice_functional" in self._wanted()
        return {name: VOICE_ENCODER for name in self.other_encoders() if heard_through and name == heard}

    def _encoders(self) -> list[str]:
        wanted = self._wanted()
        found = {self.config.acoustic.network.encoder} if "acoustic" in wanted else set()
        if "voice_functional" in wanted:
            found.add(self.config.voice_functional.statistics.encoder)
        return sorted(found)

    def inputs(self) -> list[str]:
        """All files that are read."""
        found = self.scores()
        for task in self.tasks:
            for folder in self.models(task).values():
                found += [f"{folder}/model.safetensors", f"{folder}/card.json"]
            found += [*self.fits(task).values(), *self.calibrations(task).values(), *self.widths(task).values()]
        return found

    def scores(self) -> list[str]:
        """The tables of scores on validation, one for each challenge."""
        return [f"results/report/scores/{task}_val.csv" for task in self.tasks]

    def weights(self) -> list[str]:
        """The names of the bundle's files beside bundle.json."""
        models = [f"{task}/{name}.safetensors" for task in self.tasks for name in self.models(task)]
        return models + list(self.encoder_files().values())
