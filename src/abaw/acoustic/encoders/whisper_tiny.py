"""Whisper tiny.en's encoder out of a package that carries it in CTranslate2's form: OpenAI's weights, read as data.

The network is of torch's own layers, whose parameters are those of the file: transformers takes four times as long to
load as all that this encoder does in a job of the embedded default.
"""

import re

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad
from torch.utils.checkpoint import checkpoint

from abaw.acoustic.encoders.base import SpeechEncoder, Steps
from abaw.acoustic.encoders.mel import WhisperMel
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ
from abaw.running.errors import UserError
from abaw.weights.ctranslate2 import read_arrays
from abaw.weights.manifest import check, known, package_file

NAME = "whisper_tiny_en"
"""In the configuration and in `resources/weights.yaml`."""
WIDTH, HEADS, LAYERS, BANDS, LONGEST_S = 384, 6, 4, 80, 30
_RENAMED = {
    r"layer_(\d+)/": r"stack.\1.",
    "self_attention/layer_norm": "norm1",
    "ffn/layer_norm": "norm2",
    "self_attention/linear_0/": "self_attn.in_proj_",
    "self_attention/linear_1": "self_attn.out_proj",
    "ffn/linear_0": "linear1",
    "ffn/linear_1": "linear2",
    "gamma$": "weight",
    "beta$": "bias",
    "/": ".",
}
"""From the file's names to torch's. Queries, keys and values are one matrix in both; Whisper's keys have no bias, for
which the file has zeros."""
_POSITIONS = "position_encodings.encodings"


class WhisperTiny(SpeechEncoder):
    """Whisper tiny.en's encoder (Radford et al. 2023), on windows of any length up to 30 s.

    It has learned on 30 s with absolute positions that count from the window's beginning, so a shorter window takes
    the first of them. It knows no mask: what is not known is silence, as in its training.

    Raises `UserError` where the package is missing or has another file, or where a window is too long.
    """

    normalises = False
    packaged = True
    exact = True

    def __init__(self, window_s: float) -> None:
        super().__init__(WIDTH, window_s)
        if window_s > LONGEST_S:
            raise UserError(f"Whisper's encoder hears {LONGEST_S} s at once; a window of {window_s:g} s is longer")
        self.mel = WhisperMel(BANDS)
        self.conv1 = nn.Conv1d(BANDS, WIDTH, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, kernel_size=3, stride=2, padding=1)
        form = {"dropout": 0.0, "activation": gelu, "batch_first": True, "norm_first": True}
        self.stack = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, **form)  # type: ignore[arg-type]
            for _ in range(LAYERS)
        )
        self.layer_norm = nn.LayerNorm(WIDTH)
        state = _state()
        positions = state.pop(_POSITIONS)[: round(window_s * self.step_rate_hz)].clone()
        self.positions: Tensor
        self.register_buffer("positions", positions, persistent=False)
        self.load_state_dict(state)
        self.recomputes = False

    @property
    def layers(self) -> nn.ModuleList:
        """The layers above the two convolutions."""
        return self.stack

    @property
    def step_rate_hz(self) -> float:
        """Its second convolution halves the rate of the spectra."""
        return 50.0

    def below(self, waveforms: Tensor, known: Tensor | None, depth: int) -> Steps:
        """See `SpeechEncoder.below`; waveforms are filled up with silence to the length of the window."""
        short = round(self.window_s * SAMPLE_RATE_HZ) - waveforms.shape[1]
        bands = self.mel(pad(waveforms, (0, short)))
        steps = gelu(self.conv2(gelu(self.conv1(bands)))).transpose(1, 2) + self.positions
        for layer in self.layers[:depth]:
            steps = layer(steps)
        return Steps(steps, {})

    def above(self, steps: Steps, depth: int) -> Tensor:
        """See `SpeechEncoder.above`."""
        hidden = steps.hidden
        for layer in self.layers[depth:]:
            again = self.recomputes and self.training
            hidden = checkpoint(layer, hidden, use_reentrant=False) if again else layer(hidden)
        return self.layer_norm(hidden)

    def recompute_layers(self) -> None:
        """See `SpeechEncoder.recompute_layers`."""
        self.recomputes = True


def _state() -> dict[str, Tensor]:
    """The encoder's tensors by the names that they have here."""
    weights = known(NAME)
    path = package_file(weights)
    check(weights, path)
    found = {}
    for name, array in read_arrays(path, "encoder/").items():
        if array.ndim:  # what is a single number describes the form
            found[_renamed(name.removeprefix("encoder/"))] = torch.from_numpy(array.astype("float32"))
    return found


def _renamed(name: str) -> str:
    for old, new in _RENAMED.items():
        name = re.sub(old, new, name)
    return name
