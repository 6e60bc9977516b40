"""The typed configuration: every key with its type, range, unit and the paper's section.

There are no defaults here, so that each value is in one place: `config/config.yaml` is complete and is the embedded
default. `config/README.md` and `config/schema.json` are generated from these classes (`make generate`), and a test
fails if they differ. A section belongs to the one rule, or the few, that read all of it, so a changed value reruns only
those.
"""

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import Field, ValidationError, model_validator

from abaw.config.base import OUR_INPUTS, Name, Section
from abaw.config.bundle import BundleConfig
from abaw.config.corpus import CorpusConfig, DemoConfig, PretrainingConfig, PretrainingRoots, PretrainingStrides
from abaw.config.faces import FacesConfig, ResourcesConfig
from abaw.config.foreign import GivenEmbeddingConfig, GivenModelConfig
from abaw.config.functional import (
    FunctionalConfig,
    KelmConfig,
    ScalingName,
    VoiceFunctionalConfig,
    VoiceStatisticsConfig,
)
from abaw.config.fusion import (
    CalibrationConfig,
    DirichletConfig,
    ForestConfig,
    FusionConfig,
    ScoringConfig,
    SystemConfig,
    TimelineConfig,
)
from abaw.config.models import (
    AcousticConfig,
    AcousticNetworkConfig,
    AttentionConfig,
    AttentionNetworkConfig,
    DynamicConfig,
    DynamicNetworkConfig,
    OverTimeConfig,
)
from abaw.config.predict import PredictConfig
from abaw.config.speech import AudioConfig, GateConfig, SpeechConfig
from abaw.config.static import (
    BackboneConfig,
    BackbonesConfig,
    EmbeddingConfig,
    FineTuningConfig,
    ImageTrainingConfig,
    JointPhaseConfig,
    PhaseConfig,
    PretrainingPhaseConfig,
    StaticConfig,
)
from abaw.config.training import ComputeConfig, MachineConfig, TrainingConfig
from abaw.running.errors import UserError

__all__ = [
    "AcousticConfig",
    "AcousticNetworkConfig",
    "AttentionConfig",
    "AttentionNetworkConfig",
    "AudioConfig",
    "BackboneConfig",
    "BackbonesConfig",
    "BundleConfig",
    "CalibrationConfig",
    "ComputeConfig",
    "Config",
    "CorpusConfig",
    "DemoConfig",
    "DirichletConfig",
    "DynamicConfig",
    "DynamicNetworkConfig",
    "EmbeddingConfig",
    "FacesConfig",
    "FineTuningConfig",
    "ForestConfig",
    "FunctionalConfig",
    "FusionConfig",
    "GateConfig",
    "GivenEmbeddingConfig",
    "GivenModelConfig",
    "ImageTrainingConfig",
    "JointPhaseConfig",
    "KelmConfig",
    "OverTimeConfig",
    "PhaseConfig",
    "PredictConfig",
    "PretrainingConfig",
    "PretrainingPhaseConfig",
    "PretrainingRoots",
    "PretrainingStrides",
    "ResourcesConfig",
    "ScalingName",
    "ScoringConfig",
    "Section",
    "SpeechConfig",
    "StaticConfig",
    "SystemConfig",
    "TimelineConfig",
    "TrainingConfig",
    "VoiceFunctionalConfig",
    "VoiceStatisticsConfig",
    "check_config",
]


OWN_NAMES = ("visual", "acoustic", "functional", "voice_functional", "self_attention", "cross_attention")
"""What the workflow's own models are called, whether they are trained or not."""


class Config(Section):
    """abaw-flow's configuration: one section per stage."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(description="Seed of everything that is drawn at random.")
    folds: Annotated[int, Field(ge=2, le=20)] | None = Field(
        description="Folds of the videos of training and validation, both tracks of a video in one: everything is "
        "trained on each anew, every annotated video is scored by models that have not seen it, and what they say of "
        "test is averaged (docs/folds.md); null: there are none."
    )
    seeds: Annotated[int, Field(ge=2, le=20)] | None = Field(
        description="How often everything is trained on the same splits, each time with a seed of its own, `seed` the "
        "first; what the models say is averaged and fused anew beside the first's (docs/seeds.md); null: once."
    )
    compute: MachineConfig
    corpus: CorpusConfig
    demo: DemoConfig
    resources: ResourcesConfig
    faces: FacesConfig
    speech: SpeechConfig
    static: StaticConfig
    embedding: EmbeddingConfig
    dynamic: DynamicConfig
    functional: FunctionalConfig
    voice_functional: VoiceFunctionalConfig
    acoustic: AcousticConfig
    attention: AttentionConfig
    embeddings: dict[Name, GivenEmbeddingConfig]
    models: dict[Name, GivenModelConfig]
    timeline: TimelineConfig
    fusion: FusionConfig
    systems: Annotated[dict[Name, SystemConfig], Field(min_length=1, max_length=5)]
    scoring: ScoringConfig
    pretraining: PretrainingConfig
    bundle: BundleConfig
    predict: PredictConfig
    runs: list[str] = Field(
        description="Folders in which runs have finished, CSV files in long form or file stores of MLflow; `snakemake "
        "compare` sets the first beside each of the others, `snakemake track` exports them (docs/comparison.md)."
    )

    @property
    def own_models(self) -> list[str]:
        """The names of the models that the workflow trains."""
        acoustic = ["acoustic"] if self.acoustic.enabled else []
        heard = ["voice_functional"] if self.voice_functional.enabled else []
        attention = (f"{name}_attention" for name in self.attention.mechanisms)
        return ["visual", *acoustic, "functional", *heard, *attention]

    @property
    def all_models(self) -> list[str]:
        """The names of all models that have predictions: the workflow's own, then those that are brought."""
        return [*self.own_models, *sorted(self.models)]

    @property
    def inputs(self) -> dict[str, list[str]]:
        """What each of the workflow's own models learns from, of those that learn from embeddings, by its name."""
        found = {"visual": self.dynamic.inputs, "functional": self.functional.inputs}
        return found | {f"{name}_attention": self.attention.inputs for name in self.attention.mechanisms}

    @property
    def crop_side_px(self) -> int:
        """The longest side of a stored crop: what `faces` says, else the most that a backbone sees."""
        forms = (getattr(self.static.backbones, name) for name in BackbonesConfig.model_fields)
        return self.faces.crop_side_px or max(form.input_px for form in forms)

    @model_validator(mode="after")
    def _voices_are_embedded(self) -> "Config":
        for name, own in self.inputs.items():
            if "voice" in own and not self.acoustic.enabled:
                raise ValueError(
                    f"{name} learns from the voice's embeddings, which are the acoustic model's, and acoustic.enabled "
                    "is false; set it to true, or leave out the model or this input"
                )
        return self

    @model_validator(mode="after")
    def _meshes_are_kept(self) -> "Config":
        for name, own in self.inputs.items():
            if "mesh" in own and not self.faces.mesh:
                raise ValueError(f"{name} learns from the mesh, and faces.mesh is false; set it to true")
        return self

    @model_validator(mode="after")
    def _systems_have_models(self) -> "Config":
        for name, system in self.systems.items():
            for model in system.models:
                if model not in self.all_models:
                    known = ", ".join(self.all_models)
                    raise ValueError(f"systems.{name}.models has {model!r}, expected some of {known}")
            if name in self.all_models:
                raise ValueError(f"systems.{name} has the name of a model; give it another")
        return self

    @model_validator(mode="after")
    def _brought_models_have_names_of_their_own(self) -> "Config":
        for name in self.models:
            if name in (*OWN_NAMES, "constant"):
                raise ValueError(f"models.{name} has a name of the workflow's own; give it another")
        return self

    @model_validator(mode="after")
    def _inputs_are_there(self) -> "Config":
        for name in self.embeddings:
            if name in (*OUR_INPUTS, "acoustic"):
                raise ValueError(f"embeddings.{name} has a name of the workflow's own; give it another")
        known = (*OUR_INPUTS, *sorted(self.embeddings))
        for section in ("dynamic", "functional", "attention"):
            for name in getattr(self, section).inputs:
                if name not in known:
                    raise ValueError(f"{section}.inputs has {name!r}, expected some of {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _detector_has_its_device(self) -> "Config":
        if self.compute.detector_device == "cuda" and self.faces.detector == "mediapipe":
            raise ValueError(
                "compute.detector_device is cuda, but faces.detector is mediapipe, which runs on a CPU only; set it to "
                "cpu, or take retinaface or insightface"
            )
        return self

    @model_validator(mode="after")
    def _cards_have_pictures(self) -> "Config":
        gpus = self.compute.gpus
        if gpus > 1 and self.compute.device == "cpu":
            raise ValueError(f"compute.gpus is {gpus}, but compute.device is cpu; set it to cuda, or gpus to 1")
        least = min(self.static.training.batch_size, self.static.pretraining.training.batch_size)
        if gpus > least:
            raise ValueError(f"compute.gpus is {gpus}, more than a batch of {least} images has; set batch_size higher")
        if self.compute.compile and self.compute.device == "cpu":
            raise ValueError(
                "compute.compile is true, but compute.device is cpu, where trainings stay the same to the last bit; "
                "set compile to false, or device to cuda or auto"
            )
        return self

    @model_validator(mode="after")
    def _organisers_have_crops(self) -> "Config":
        if self.faces.source == "organisers" and self.corpus.crops is None:
            raise ValueError(
                "corpus.crops must be the folder of the organisers' crops where faces.source is organisers, and is null"
            )
        return self


def check_config(raw: Mapping[str, Any]) -> Config:
    """Validate the merged configuration; raise `UserError` with one sentence for each wrong key, type or range."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        sentences = [_sentence(detail) for detail in error.errors()]
        raise UserError("the configuration is wrong: " + "; ".join(sentences)) from error


def _sentence(detail: Any) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        section: Any = Config
        for part in detail["loc"][:-1]:
            named = get_origin(section) is dict  # the part is a name of the user's
            section = get_args(section)[1] if named else section.model_fields[part].annotation
        return f"there is no key {key}; allowed here are {', '.join(section.model_fields)}"
    if detail["type"] == "invalid_key":
        return f"there is no key {key}; all keys are words, as in config/config.yaml"
    if detail["type"] == "missing":
        return f"the key {key} is missing; config/config.yaml shows it, and config/README.md explains it"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if not key:  # what two sections say together
        return message
    if detail["type"] == "value_error" and isinstance(detail["input"], Mapping):  # what keys of a section say together
        return f"{key}: {message}"
    return f"{key} is {detail['input']!r}: {message}"
