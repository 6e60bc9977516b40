"""What `bundle.json` says: models, systems, settings, scores, and the digest of every file beside it."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from abaw.config import (
    AcousticNetworkConfig,
    AttentionNetworkConfig,
    DynamicNetworkConfig,
    EmbeddingConfig,
    FacesConfig,
    FunctionalConfig,
    Section,
    SpeechConfig,
    VoiceFunctionalConfig,
)
from abaw.config.fusion import FilterName
from abaw.config.static import BACKBONE_NAME
from abaw.tasks import TASKS, TaskName

VERSION = 3
"""Of this form: it rises with every change after which older code would misread a bundle, or newer code an old one."""
FORM = "abaw-flow bundle"
JSON_NAME = "bundle.json"
LARGEST_FILE_BYTES = 8 << 30
LARGEST_BYTES = 32 << 30
HEARING = frozenset({"acoustic", "self_attention", "cross_attention"})
"""The models that hear through the acoustic model's encoder."""
HEAR_ONLY = frozenset({"acoustic", "voice_functional"})
"""The models that see no face."""

Floats = Literal["float32", "float16"]
FileName = Annotated[str, Field(pattern=r"^[a-z0-9_]+/[a-z0-9_]+\.safetensors$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StoredFile(Section):
    """A file of the bundle: how long it is, and its digest."""

    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=1, le=LARGEST_FILE_BYTES)]


class StoredModel(Section):
    """A model: the file of its weights, its card, and how its predictions are smoothed (s; None: they are not)."""

    weights: FileName
    card: dict[str, Any]
    smoothing_s: Annotated[float, Field(ge=0, le=20)] | None
    filter: FilterName = "hamming"


class StoredCalibration(Section):
    """By what the log probabilities of classes are divided, and what is then added to each, in nats."""

    temperature: Annotated[float, Field(gt=0)]
    bias: list[float]


class StoredSystem(Section):
    """A system: its models, their weights, (models, outputs), None for a single model, and what is done then."""

    title: str
    models: Annotated[list[str], Field(min_length=1)]
    weights: list[list[float]] | None
    calibration: StoredCalibration | None = None


class StoredScore(Section):
    """A score on the validation videos, with its interval of 95 %; `fitted_on` says what was chosen on them."""

    system: str
    measure: str
    value: float
    low: float
    high: float
    rows: int
    videos: int
    fitted_on: str


class PackagedEncoder(Section):
    """A speech encoder that stays in the package that carries it: its file there, and the digest of that."""

    package: str
    file: str
    sha256: Sha256


class EncoderForm(Section):
    """A speech encoder as transformers describe it, `processor` with how its sound is prepared.

    `weights` is its file; None where the models that are trained on it hold them.
    """

    config: dict[str, Any]
    processor: dict[str, Any]
    weights: FileName | None


class StoredTask(Section):
    """What the bundle knows of one task; `preferred` is the system that is taken where none is named."""

    models: dict[str, StoredModel]
    systems: dict[str, StoredSystem]
    preferred: str
    scores: list[StoredScore]

    @property
    def sees(self) -> bool:
        """Whether the preferred system has a model that looks at faces."""
        return bool(set(self.systems[self.preferred].models) - HEAR_ONLY)


class StoredSettings(Section):
    """The settings under which the models were trained, and under which alone they mean what they say."""

    faces: FacesConfig
    speech: SpeechConfig
    embedding: EmbeddingConfig
    dynamic: DynamicNetworkConfig
    functional: FunctionalConfig
    voice_functional: VoiceFunctionalConfig
    acoustic: AcousticNetworkConfig
    attention: AttentionNetworkConfig
    smoothed: Literal["logits", "probabilities"]
    max_entropy_nats: Annotated[float, Field(gt=0)] | None
    combined: Literal["probabilities", "logits"] = "probabilities"


class TrainedOn(Section):
    """The corpus, the pre-training corpora, and of what data a corpus without a name was made."""

    corpus: Literal["demo", "folders"]
    edition: Literal["affwild2", "other"]
    pretraining: list[str]
    data: list[str]


class Bundle(Section):
    """A `bundle.json`. `encoders` are those of the models that hear, by their names, but for the small one.

    `floats` is what the weights' matrices are stored as.
    """

    form: Literal["abaw-flow bundle"]
    version: Literal[3]
    package: str
    commit: str | None
    threads: Annotated[int, Field(ge=1)]
    floats: Floats
    trained_on: TrainedOn
    licences: dict[str, str]
    limits: list[str]
    left_out: list[str]
    encoders: dict[str, PackagedEncoder | EncoderForm]
    settings: StoredSettings
    tasks: Annotated[dict[TaskName, StoredTask], Field(min_length=1)]
    files: dict[FileName, StoredFile]

    @model_validator(mode="after")
    def _holds_together(self) -> "Bundle":
        if sum(file.size_bytes for file in self.files.values()) > LARGEST_BYTES:
            raise ValueError(f"the files are larger than {LARGEST_BYTES >> 30} GiB together")
        _check_encoders(self)
        for name, task in self.tasks.items():
            if name not in TASKS:
                raise ValueError(f"tasks has {name}, expected some of {', '.join(TASKS)}")
            _check_task(name, task, self)
        return self


def _check_encoders(bundle: Bundle) -> None:
    models = {model for task in bundle.tasks.values() for model in task.models}
    frozen = bundle.settings.voice_functional.statistics.encoder
    heard = {frozen} if "voice_functional" in models else set()
    heard |= {bundle.settings.acoustic.encoder} if models & HEARING else set()
    if heard - {"small"} != set(bundle.encoders):
        raise ValueError(
            f"encoders must be those of the models that hear, {', '.join(sorted(heard - {'small'})) or 'none'}, and "
            f"are {', '.join(bundle.encoders) or 'none'}"
        )
    for name, encoder in bundle.encoders.items():
        if isinstance(encoder, EncoderForm):
            if encoder.weights is not None and encoder.weights not in bundle.files:
                raise ValueError(f"files has no {encoder.weights}, which the encoder {name} names")
            if encoder.weights is None and name == frozen and "voice_functional" in models:
                raise ValueError(f"the encoder {name} must have weights, for voice_functional hears through it")


def _check_task(name: TaskName, task: StoredTask, bundle: Bundle) -> None:
    for model in task.models.values():
        if model.weights not in bundle.files:
            raise ValueError(f"files has no {model.weights}, which a model of {name} names")
        if bundle.files[model.weights].sha256 != model.card.get("sha256"):
            raise ValueError(f"the card of {model.weights} has another sha256 than files")
    if "static" not in task.models:
        raise ValueError(f"{name} has no model static, which embeds the faces")
    StaticCard.model_validate(task.models["static"].card)
    if task.preferred not in task.systems:
        raise ValueError(f"the preferred system of {name} is {task.preferred!r}, which is none of its systems")
    for system in task.systems.values():
        if unknown := [model for model in system.models if model not in task.models or model == "static"]:
            raise ValueError(f"a system of {name} has the model {unknown[0]!r}, which is not there")
        shape = (len(system.models), len(TASKS[name].outputs))
        weights = system.weights
        if (weights is None) != (len(system.models) == 1):
            raise ValueError(f"a system of {name} must have weights where it has several models, and only there")
        bias = None if system.calibration is None else system.calibration.bias
        if bias is not None and (TASKS[name].kind != "classes" or len(bias) != shape[1]):
            raise ValueError(f"the calibration of a system of {name} must be {shape[1]} numbers, and of expr alone")
        if weights is not None and [len(row) for row in weights] != [shape[1]] * shape[0]:
            raise ValueError(f"the weights of a system of {name} must be {shape[0]} x {shape[1]} numbers")


class StaticCard(Section):
    """What of a frame-level model's card decides what is built.

    That is a backbone of timm's own, or the name of one whose form the card has; it is never looked for anywhere.
    """

    model_config = ConfigDict(extra="ignore")
    backbone: Annotated[str, Field(pattern=BACKBONE_NAME)]
    input_px: Annotated[int, Field(ge=32, le=1024)]
