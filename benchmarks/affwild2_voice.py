"""What one unit of each stage of the voice's networks costs, for benchmarks/affwild2_units.py."""

from copy import deepcopy
from typing import Any

from affwild2_form import LARGE, PAPER, Work, section


def _encoder(preset: str) -> Any:
    """PDEM's form, or WavLM's large one, with random weights."""
    from transformers import WavLMConfig

    from abaw.acoustic.encoders.waveform import PDEM, Wav2Vec2, Wav2Vec2Model, WavLM, WavLMModel

    if preset == PAPER:
        return Wav2Vec2(Wav2Vec2Model(PDEM), window_s=4)
    return WavLM(WavLMModel(WavLMConfig(**LARGE)), window_s=4)


def _acoustic(preset: str, *architectures: str) -> tuple[list[Any], Any]:
    import torch

    from abaw.acoustic.model import AudioModel

    trained = section("acoustic", preset)["network"]["trained_layers"]
    models = [AudioModel("va", one, _encoder(preset), 4, trained) for one in architectures]
    return models, torch.randn(2, 64000)


def acoustic_step(preset: str = PAPER) -> Work:
    """A training step of all of the preset's models on one trunk, random weights, two windows of 4 s."""
    import torch

    from abaw.acoustic.trunk import trunks_of

    models, waves = _acoustic(preset, *section("acoustic", preset)["architectures"])
    trunk = trunks_of(models, torch.device("cpu"), 0, None)[0]
    optimisers = [torch.optim.Adam([p for p in m.parameters() if p.requires_grad], 1e-4, fused=True) for m in models]

    def step() -> None:
        with torch.no_grad():
            steps = trunk.encoder.below(waves, None, trunk.depth)
        for model, optimiser in zip(models, optimisers, strict=True):
            optimiser.zero_grad(set_to_none=True)
            model.outputs(model.embed(steps, trunk.depth)).square().mean().backward()
            optimiser.step()

    return step, 2


def acoustic_window(preset: str = PAPER) -> Work:
    """A window through AudioModelV3 without training: its predictions and its embeddings in one pass."""
    import torch

    [model], waves = _acoustic(preset, "AudioModelV3")
    model.eval()

    def window() -> None:
        with torch.inference_mode():
            model(waves)

    return window, 2


def acoustic_judged() -> Work:
    """A window judged after an epoch, by one of the models: what the trunk said of it, through the layers above."""
    import torch

    return _judge(_encoder(PAPER), torch.randn(2, 199, 1024))


def acoustic_launches() -> Work:
    """A batch through the same layers a sixteenth as wide, on a few steps: what Python and torch take to ask for it."""
    import torch
    from transformers import Wav2Vec2Config

    from abaw.acoustic.encoders.waveform import PDEM, Wav2Vec2, Wav2Vec2Model

    narrow = {"hidden_size": 64, "intermediate_size": 256, "conv_dim": (32,) * len(PDEM.conv_dim)}
    form = Wav2Vec2Config.from_dict(PDEM.to_dict() | narrow)
    judge, count = _judge(Wav2Vec2(Wav2Vec2Model(form), window_s=4), torch.randn(1, 30, 64))
    return lambda: [judge() for _ in range(20)], 20 * count


def _judge(encoder: Any, said: Any) -> Work:
    import torch

    from abaw.acoustic.encoders.base import Steps
    from abaw.acoustic.model import AudioModel

    names = section("acoustic")["architectures"]
    models = [AudioModel("va", name, deepcopy(encoder), 4).eval() for name in names]
    depth = min(model.frozen_layers or 0 for model in models)

    def judge() -> None:
        with torch.inference_mode():
            for model in models:
                model.outputs(model.embed(Steps(said, {}), depth))

    return judge, len(said) * len(models)


def acoustic_read() -> Work:
    """A window of what a trunk of PDEM's form said, in bfloat16, read in batches of sixteen."""
    import torch

    from abaw.acoustic.encoders.base import Steps
    from abaw.acoustic.kept import Kept

    kept, batch, count = Kept(), section("acoustic")["network"]["training"]["batch_size"], 40
    for number in range(count):
        kept.keep(number, Steps(torch.randn(batch, 199, 1024).bfloat16(), {}))
    return lambda: [kept.find(number, torch.device("cpu")) for number in range(count)], batch * count


def statistics_window() -> Work:
    """A window through wav2vec 2.0's large form, whose layers the voice's functionals are taken of."""
    import torch

    from abaw.acoustic.encoders.waveform import Wav2Vec2, Wav2Vec2Config, Wav2Vec2Model

    encoder = Wav2Vec2(Wav2Vec2Model(Wav2Vec2Config(**LARGE, conv_bias=True)), window_s=4).eval().requires_grad_(False)
    waves = torch.randn(2, 64000)

    def window() -> None:
        with torch.inference_mode():
            encoder.layer_outputs(waves)

    return window, 2
