"""What networks compute on, and how each is trained."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from abaw.config.base import Section

ExpressionLoss = Literal["cross_entropy", "focal"]
ExpressionLossKey = Annotated[
    ExpressionLoss, Field(description="Loss of the expressions; focal with gamma 2 (authors).")
]
ClassWeights = Literal["none", "inverse", "sqrt"]
ClassWeightsKey = Annotated[
    ClassWeights,
    Field(
        description="Weights of the expressions in the loss: inverse to their counts (authors), sqrt, inverse to the "
        "roots of these, or none."
    ),
]
VaLoss = Literal["ccc", "rmse", "sum"]
VaLossKey = Annotated[
    VaLoss,
    Field(
        description="Loss of valence and arousal: ccc, 1 - CCC for each; rmse, the mean of their root mean squared "
        "errors (authors' frame-level model); sum, both added."
    ),
]


class ComputeConfig(Section):
    """What one job computes on: a device, and so many threads."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        description="Device of the networks that learn or read whole videos, whose jobs ask for a GPU each. auto takes "
        "a CUDA device where there is one, cuda ends a job that has none. What only predicts from embeddings, and the "
        "separation of speech, stay on the CPU."
    )
    threads: Annotated[int, Field(ge=1, le=64)] = Field(
        description="CPU threads of each job that trains or runs a network. Floating-point sums depend on it, so it is "
        "part of the result and does not follow --cores; jobs run side by side instead."
    )
    deterministic: bool = Field(
        description="Whether the same run gives the same bytes on a GPU too, as far as it has such algorithms; false "
        "takes the quickest that are found. On a CPU it always does."
    )


class MachineConfig(ComputeConfig):
    """Where and on how many threads the networks run."""

    decoding_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        description="Threads that decode pictures ahead of a network that learns from them, where they are too many "
        "to be kept decoded, for each GPU of the training. They change no result."
    )
    gpus: Annotated[int, Field(ge=1, le=64)] = Field(
        description="GPUs that a training of the frame-level model takes, with a process for each: they share out each "
        "batch, and its loss is that of the whole. It pays with a batch_size so many times as large. What trains on "
        "embeddings or sound takes one."
    )
    compile: bool = Field(
        description="Whether torch's compiler makes the steps of a training of the frame-level model, on a GPU: fewer "
        "kernels, which pays where the GPU waits for Python, and some minutes at the start. Results agree within "
        "rounding. It needs a C++ compiler and triton."
    )
    detector_device: Literal["cpu", "cuda"] = Field(
        description="Device of the face detector, one job a video; cuda needs onnxruntime-gpu in place of onnxruntime, "
        "and retinaface or insightface."
    )


class TrainingConfig(Section):
    """How a network is trained."""

    epochs: Annotated[int, Field(ge=1, le=1000)] = Field(description="Passes over the training data.")
    batch_size: Annotated[int, Field(ge=2, le=4096)] = Field(description="Items of a step.")
    optimiser: Literal["adamw", "adam", "sgd"] = Field(
        description="adamw (authors' visual models), adam (their acoustic ones), or sgd with a momentum of 0.9."
    )
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = Field(description="Peak learning rate.")
    weight_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Weight decay (authors: 0.0001 with AdamW, 0 with Adam)."
    )
    warmup: Annotated[float, Field(ge=0, le=1_000_000)] = Field(
        description="Steps in which the rate rises: below 1 their share of all steps, from 1 on their number (authors' "
        "visual models: 100)."
    )
    schedule: Literal["cosine", "restarts", "constant"] = Field(
        description="What the learning rate does after the warm-up: it falls along a cosine, and rises along one where "
        "there are cycles; it falls and begins again at the peak (the authors' attention); or it stays (their acoustic "
        "models, in effect)."
    )
    cycle_epochs: Annotated[int, Field(ge=1)] | None = Field(
        description="Epochs of a fall: cosine then rises in as many, and so on (authors' visual models: 5), restarts "
        "begins anew (their attention: 10); null: it falls once, over all epochs."
    )
    lowest_rate: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Learning rate at the foot of the cosine (authors' visual models: 0.0001)."
    )
    keep: Literal["best", "last"] = Field(
        description="The epoch whose weights are kept: best, that with the best challenge measure on validation "
        "(paper); last, so that nothing is chosen, and validation is only measured once, at the end."
    )
    patience: Annotated[int, Field(ge=1)] | None = Field(
        description="Epochs without a better measure after which training ends; null trains all epochs. It needs "
        "keep: best, and enough epochs for the rate to fall: with cosine two cycles, with restarts one."
    )
    max_cycles: Annotated[int, Field(ge=1)] | None = Field(
        description="Falls of the rate after which training ends, whatever is still getting better; it needs "
        "cycle_epochs. null: only epochs and patience end it (authors)."
    )
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        description="Decay of an exponential moving average of the weights over the steps, such as 0.998; it is "
        "measured and kept instead of an epoch's own weights. null: there is none (paper)."
    )
    clip_norm: Annotated[float, Field(gt=0)] | None = Field(
        description="Longest gradient of a step, as the norm over all parameters; longer ones are scaled down. null: "
        "none is (authors' code, but for the transformer over time, where it is an option)."
    )

    @property
    def chosen_on_val(self) -> list[str]:
        """What of the training is chosen on validation, in words."""
        return ["epoch"] if self.keep == "best" else []

    @property
    def planned_epochs(self) -> int:
        """The epochs that are trained where patience does not end it: all, or those of `max_cycles`."""
        if self.max_cycles is None or self.cycle_epochs is None:
            return self.epochs
        turns = 2 * self.max_cycles - 1 if self.schedule == "cosine" else self.max_cycles
        return min(self.epochs, turns * self.cycle_epochs)

    @model_validator(mode="after")
    def _patience_has_measures(self) -> "TrainingConfig":
        if self.keep == "last" and self.patience is not None:
            raise ValueError(
                f"patience is {self.patience}, but with keep: last no epoch is measured on the way; set it to null"
            )
        return self

    @model_validator(mode="after")
    def _patience_waits_for_a_low_rate(self) -> "TrainingConfig":
        if self.patience is None or self.schedule == "constant":
            return self
        turn = 1 if self.schedule == "restarts" else 2
        needed = turn * self.cycle_epochs if self.cycle_epochs else self.epochs
        if self.patience < needed:
            raise ValueError(
                f"patience is {self.patience}, and the rate is at its lowest every {needed} epochs, so training may "
                "end before it has fallen again; set cycle_epochs lower, or patience higher or to null"
            )
        return self

    @model_validator(mode="after")
    def _cycles_have_a_length(self) -> "TrainingConfig":
        if self.max_cycles is not None and (self.cycle_epochs is None or self.schedule == "constant"):
            raise ValueError(
                f"max_cycles is {self.max_cycles}, but there are no cycles: set cycle_epochs, and schedule to cosine "
                "or restarts"
            )
        return self
