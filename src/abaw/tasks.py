"""The challenges: their columns, classes, measures, files and names (abaw-protocol of the 5th to the 10th edition).

The stages from the labels to the submission know a challenge by its entry here alone: what to learn, to measure and to
write follows from its `kind`. So a further one is one more entry (docs/tables.md).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

TaskName = str
"""A key of `TASKS`."""
Split = Literal["train", "val", "test"]
Kind = Literal["values", "classes", "flags"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")
EXPRESSIONS = ("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Other")
DIMENSIONS = ("valence", "arousal")
_VARIANT = re.compile(r"_(?:fold|seed)(?:s|[0-9]+)$")
UNITS: dict[Kind, Literal["value", "logit", "probability"]] = {
    "values": "value",
    "classes": "logit",
    "flags": "probability",
}


@dataclass(frozen=True)
class Task:
    """What sets one challenge apart from the others.

    `kind` is what is said of a frame: `values` in [-1, 1], measured by their CCC; one of several `classes`, measured by
    macro F1; or `flags`, of which each is there or not, measured by the mean of their F1. `outputs` are the model's
    columns: the values, a logit a class, or a probability a flag. `labels` are the annotation's columns: the class's
    number, else the same as `outputs`. `challenge_measure` is the name of the measure that ranks systems.

    Of its files: `label_header` is the first line of a label file and `header` that of a submission, verbatim; `folder`
    and `test_list` are their names in the 6th edition, `folder_form` and `list_form` the regular expressions of these
    in all editions, in lower case. `published` counts what AffWild2 has of it in the 5th to the 10th edition, counted
    in its files by participants.
    """

    name: TaskName
    title: str
    kind: Kind
    outputs: tuple[str, ...]
    labels: tuple[str, ...]
    challenge_measure: str
    header: str
    label_header: str
    folder: str
    folder_form: str
    test_list: str
    list_form: str
    published: Mapping[Split, Mapping[str, int]] = field(default_factory=dict)

    @property
    def units(self) -> Literal["value", "logit", "probability"]:
        """What a table of predictions holds; its writer says so as `units` in the metadata."""
        return UNITS[self.kind]

    @property
    def lowest(self) -> float:
        """The lowest value of an output that is none of several classes; the highest is 1."""
        return -1.0 if self.kind == "values" else 0.0


TASKS: dict[TaskName, Task] = {
    "va": Task(
        name="va",
        title="valence and arousal",
        kind="values",
        outputs=DIMENSIONS,
        labels=DIMENSIONS,
        challenge_measure="ccc_mean",
        header="image_location,valence,arousal",
        label_header="valence,arousal",
        folder="VA_Estimation_Challenge",
        folder_form=r"va_\w+_challenge",
        test_list="Valence_Arousal_Estimation_Challenge_test_set_release.txt",
        list_form=r"(valence_arousal|va)(_\w+)?_test_set_release\.txt",
        published={
            "train": {"tracks": 356, "rows": 1_682_057, "labelled": 1_679_857},
            "val": {"tracks": 76, "rows": 383_814, "labelled": 382_021},
            "test": {"tracks": 162, "rows": 927_210},
        },
    ),
    "expr": Task(
        name="expr",
        title="expression",
        kind="classes",
        outputs=tuple(name.lower() for name in EXPRESSIONS),
        labels=("expression",),
        challenge_measure="f1_macro",
        header="image_location," + ",".join(EXPRESSIONS),
        label_header=",".join(EXPRESSIONS),
        folder="EXPR_Recognition_Challenge",
        folder_form=r"expr_\w+_challenge",
        test_list="Expression_Recognition_Challenge_test_set_release.txt",
        list_form=r"expr(ession)?(_\w+)?_test_set_release\.txt",
        published={
            "train": {"tracks": 248, "labelled": 597_361},
            "val": {"tracks": 70, "labelled": 284_230},
            "test": {"tracks": 228, "rows": 1_022_655},
        },
    ),
}


def task_named(name: str) -> TaskName:
    """The challenge of a name that may say a fold or a seed too.

    >>> task_named("va"), task_named("va_fold3"), task_named("va_folds"), task_named("va_seed2")
    ('va', 'va', 'va', 'va')
    """
    return _VARIANT.sub("", name)
