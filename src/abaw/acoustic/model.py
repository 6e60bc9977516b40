"""AudioModelV1, V2 and V3: a speech encoder, two layers over time, and convolutional aggregation (paper §2.1).

On a window of 4 s they give four class scores, one a second, or 20 values of valence and arousal, five a second. V1 has
gated recurrent units over the encoder's steps, V2 and V3 transformer layers with 32 and 16 heads; the last two encoder
layers of V1 and V2 are trained, the last four of V3.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from abaw.acoustic.encoders.base import SpeechEncoder, Steps
from abaw.acoustic.encoders.loading import load_encoder
from abaw.acoustic.windows import LABEL_RATE_HZ
from abaw.config import AcousticNetworkConfig
from abaw.nn.outputs import activation
from abaw.nn.positions import sinusoidal_positions
from abaw.nn.runtime import sent
from abaw.running.errors import UserError
from abaw.tables.schemas import EMBEDDING_SIZE
from abaw.tasks import TASKS, TaskName

GRU_WIDTH = 256
HEADS = (32, 16)
"""Of the two transformer layers (paper §2.1)."""


@dataclass(frozen=True)
class Architecture:
    """What sets one of the paper's three apart: the layers over time, and how many encoder layers are trained."""

    over_time: Literal["gru", "transformer"]
    trained_layers: int


ARCHITECTURES: dict[str, Architecture] = {
    "AudioModelV1": Architecture("gru", 2),
    "AudioModelV2": Architecture("transformer", 2),
    "AudioModelV3": Architecture("transformer", 4),
}


class AudioModel(nn.Module):
    """Waveforms (n, 64000), as the encoder prepares them, to outputs.

    These are (n, 20, 2) in (-1, 1) for valence and arousal, and logits (n, 4, 8) for expressions.
    """

    def __init__(
        self,
        task: TaskName,
        architecture: str,
        encoder: SpeechEncoder,
        window_s: int,
        trained_layers: int | Literal["all"] | None = None,
    ) -> None:
        super().__init__()
        chosen = ARCHITECTURES[architecture]
        self.architecture = architecture
        self.encoder = encoder
        self.frozen_layers: int | None = None
        """How many layers of the encoder learn nothing, nor does what lies below them; None where all of it learns."""
        if trained_layers != "all":
            count = chosen.trained_layers if trained_layers is None else trained_layers
            encoder.train_only_last(count)
            self.frozen_layers = len(encoder.layers) - count
        hidden = encoder.width
        self.over_time = _Recurrent(hidden) if chosen.over_time == "gru" else _Transformer(hidden)
        width = GRU_WIDTH if chosen.over_time == "gru" else hidden
        self.aggregate = _aggregation(task, width, window_s)
        self.compress = nn.Sequential(nn.Linear(width, EMBEDDING_SIZE), nn.ReLU())
        self.head = nn.Linear(EMBEDDING_SIZE, len(TASKS[task].outputs))
        self.activation = activation(task)

    @property
    def given(self) -> frozenset[str]:
        """The tensors that an installed package gives, and no training changes: a file of weights leaves them out."""
        if not self.encoder.packaged:
            return frozenset()
        return frozenset(
            f"encoder.{name}" for name, tensor in self.encoder.named_parameters() if not tensor.requires_grad
        )

    def forward(self, waveforms: Tensor, known: Tensor | None = None) -> Tensor:
        """Outputs over the steps of each window; `known` says which samples are sound, None where all are."""
        return self.outputs(self.embed(self.encoder.below(waveforms, known, 0), 0))

    def embed(self, steps: Steps, depth: int) -> Tensor:
        """What comes out of the aggregation, (n, steps, width): the embeddings that attention fusion takes.

        `steps` are what the encoder says `below` its layer `depth`. Embeddings are as wide as the encoder, 1024 with
        PDEM's, where V1 has 256.
        """
        hidden = self.over_time(self.encoder.above(steps, depth))
        return self.aggregate(hidden.transpose(1, 2)).transpose(1, 2)

    def outputs(self, embeddings: Tensor) -> Tensor:
        """The outputs (n, steps, 2 or 8) of embeddings."""
        return self.activation(self.head(self.compress(embeddings)))


def build(
    task: TaskName, architecture: str, settings: AcousticNetworkConfig, encoder: SpeechEncoder | None = None
) -> AudioModel:
    """A fresh model of the paper's three, on an `encoder` or on that which the settings name."""
    encoder = load_encoder(settings.encoder, settings.window_s) if encoder is None else encoder
    if settings.gradient_checkpointing:
        encoder.recompute_layers()
    return AudioModel(task, architecture, encoder, settings.window_s, settings.trained_layers)


class _Recurrent(nn.Module):
    """Two layers of gated recurrent units: (n, steps, width) to (n, steps, 256)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.GRU(width, GRU_WIDTH, num_layers=2, dropout=0.5, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        return self.layers(steps)[0]


class _Transformer(nn.Module):
    """Two transformer layers with 32 and 16 heads and positions added once: (n, steps, width) to the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        if width % max(HEADS):
            raise UserError(
                f"an encoder {width} wide cannot have {max(HEADS)} attention heads over it; take AudioModelV1 in "
                f"acoustic.architectures, or an encoder whose width {max(HEADS)} divides"
            )
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, dim_feedforward=width, dropout=0.1, batch_first=True)
            for heads in HEADS
        )

    def forward(self, steps: Tensor) -> Tensor:
        steps = steps + sent(sinusoidal_positions(steps.shape[1], steps.shape[2]).to(steps.dtype), steps.device)
        for layer in self.layers:
            steps = layer(steps)
        return steps


def steps_per_window(task: TaskName, window_s: int) -> int:
    """How many outputs a window has: five a second of values, else one, as for expressions (paper §3.2.1)."""
    return window_s * (LABEL_RATE_HZ if TASKS[task].kind == "values" else 1)


def _aggregation(task: TaskName, width: int, window_s: int) -> nn.Sequential:
    """From 50 steps a second to the outputs' rate: the layers of the authors' code, whose VA branch is shorter."""
    first = [nn.Conv1d(width, width, kernel_size=5, stride=3, dilation=2), nn.BatchNorm1d(width)]
    last = [nn.AdaptiveAvgPool1d(steps_per_window(task, window_s)), nn.ReLU()]
    if TASKS[task].kind == "values":
        return nn.Sequential(*first, *last)
    second = [nn.MaxPool1d(5), nn.ReLU(), nn.Conv1d(width, width, kernel_size=3), nn.BatchNorm1d(width)]
    return nn.Sequential(*first, *second, *last)
