"""The faces: the detector, the subjects, the crops."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from abaw.config.base import Section


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
    subject: Literal["prominent", "longest", "largest"] = Field(
        description="Which of several faces is the subject: the track with the greatest score times area over its "
        "frames, the one seen in the most frames, or the one with the largest box."
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
