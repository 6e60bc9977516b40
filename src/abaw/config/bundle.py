"""What of a run goes into its bundle, and what the bundle says of itself."""

from typing import Literal

from pydantic import Field, field_validator

from abaw.config.base import Section, each_once
from abaw.tasks import TASKS, TaskName


class BundleConfig(Section):
    """The bundle that `snakemake bundle` and `abaw export` make of a run."""

    tasks: list[TaskName] = Field(
        min_length=1, description="Challenges whose models travel; of the others the run needs no models at all."
    )
    models: Literal["all", "systems"] = Field(
        description="all: every model of the run that can travel; systems: those alone that a system of the bundle has."
    )
    floats: Literal["float32", "float16"] = Field(
        description="float32: weights as they were trained, so that the bundle predicts byte for byte what the run "
        "did; float16: matrices as half floats, half the size or less. Networks compute in float32 either way."
    )
    gate: Literal["mouth", "vad", "both"] | None = Field(
        description="speech.gate.source of videos that the bundle predicts, where it is to be another than the run's; "
        "null: the same."
    )
    data: list[str] = Field(
        description="What the corpus was made of, each with its licence, where it is not one that the bundle can name."
    )
    limits: list[str] = Field(description="Sentences on what the models are not valid for, beside the general ones.")

    _once = field_validator("tasks")(each_once)

    @field_validator("tasks")
    @classmethod
    def _known(cls, tasks: list[TaskName]) -> list[TaskName]:
        if unknown := [task for task in tasks if task not in TASKS]:
            raise ValueError(f"there is no challenge {unknown[0]}, expected some of {', '.join(TASKS)}")
        return tasks
