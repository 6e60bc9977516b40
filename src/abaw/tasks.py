"""The two challenges: their columns, classes and names (abaw-protocol of the 5th to the 10th edition)."""

from dataclasses import dataclass
from typing import Literal

TaskName = Literal["va", "expr"]
Split = Literal["train", "val", "test"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")
EXPRESSIONS = ("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Other")
DIMENSIONS = ("valence", "arousal")


@dataclass(frozen=True)
class Task:
    """What sets one challenge apart from the other.

    `outputs` are the model's columns (two values in [-1, 1], or eight class scores); `labels` the annotation's columns;
    `challenge_measure` the name of the measure that ranks systems; `header` the first line of a submission, verbatim.
    """

    name: TaskName
    title: str
    outputs: tuple[str, ...]
    labels: tuple[str, ...]
    challenge_measure: str
    header: str


TASKS: dict[TaskName, Task] = {
    "va": Task(
        name="va",
        title="valence and arousal",
        outputs=DIMENSIONS,
        labels=DIMENSIONS,
        challenge_measure="ccc_mean",
        header="image_location,valence,arousal",
    ),
    "expr": Task(
        name="expr",
        title="expression",
        outputs=tuple(name.lower() for name in EXPRESSIONS),
        labels=("expression",),
        challenge_measure="f1_macro",
        header="image_location," + ",".join(EXPRESSIONS),
    ),
}
