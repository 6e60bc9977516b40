"""The faces: the weights of detectors, the detector, the subjects, the crops."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from abaw.config.base import Section


class ResourcesConfig(Section):
    """Where files of weights come from; resources/weights.yaml says which there are."""

    weights_dir: str | None = Field(
        description="Folder that holds the files, at any depth; null: those that no package carries are downloaded."
    )


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
    detector: Literal["mediapipe", "retinaface", "insightface"] = Field(
        description="Face detector: mediapipe's full-range and short-range models from its wheel; RetinaFace "
        "MobileNet-0.25 (paper §3.2.2); or one of insightface's (SCRFD, RetinaFace). The last two need weights."
    )
    weights: str | None = Field(
        description="Name of the detector's weights in resources/weights.yaml: retinaface_mobilenet0.25 for "
        "retinaface, scrfd_10g or an entry of your own for insightface; null where the detector is mediapipe."
    )
    retinaface_side_px: Annotated[int, Field(ge=64, le=8192)] | None = Field(
        description="Larger images are made smaller for RetinaFace, until their longer side is this long; null: it "
        "sees all pixels (authors' code), at six times the cost for 720p. Crops are cut from the whole image always."
    )
    min_score: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Detections below this score are dropped; mediapipe gives none below 0.5, and false ones up to "
        "0.69 on footage without a face."
    )
    detect_every_s: Annotated[float, Field(gt=0, le=2)] | None = Field(
        default=None,
        description="How often (s) the detector is asked while faces hold, beside at cuts; in between a face lies on "
        "the way from one place to the next. In doubt, and with null, it is asked at every analysed frame.",
    )
    subject: Literal["prominent", "longest", "largest"] = Field(
        description="Which of several faces is the subject: the track with the greatest score times area over its "
        "frames, the one seen in the most frames, or the one with the largest box."
    )
    margin_px: Annotated[int, Field(ge=0, le=200)] = Field(
        description="Pixels added on each side of the box before the crop (paper §3.2.2: 15; the authors' code: 10)."
    )
    crop_side_px: Annotated[int, Field(ge=32, le=4096)] | None = Field(
        description="Crops with a longer side are made smaller when the mouth has been measured, those of the "
        "pre-training corpora too; null: the largest `input_px` of `static.backbones`, more than which no network sees."
    )
    mesh: bool = Field(
        description="Keep the 468 points of the mesh that measures the mouth, 1.9 kB a face, so that `mesh` may be "
        "named in `dynamic.inputs`, `functional.inputs` and `attention.inputs`. It needs source: detect."
    )
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = Field(description="JPEG quality of the stored crops.")

    @model_validator(mode="after")
    def _meshes_are_of_detected_faces(self) -> "FacesConfig":
        if self.mesh and self.source != "detect":
            raise ValueError(f"mesh is true, but source is {self.source}; meshes are kept of detected faces alone")
        return self

    @model_validator(mode="after")
    def _weights_belong_to_the_detector(self) -> "FacesConfig":
        if (self.detector == "mediapipe") != (self.weights is None):
            raise ValueError(
                "weights must be a name of resources/weights.yaml where detector is retinaface or insightface, and "
                f"null where it is mediapipe; it is {self.weights!r}, and detector is {self.detector}"
            )
        return self
