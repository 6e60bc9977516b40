"""A short training of the frame-level model, alone or in a team: `trained_together.py OUTPUT SETTINGS`."""

import json
import sys
from pathlib import Path

import numpy as np
import yaml

from abaw.commands.base import run
from abaw.config import BackboneConfig, ComputeConfig, JointPhaseConfig
from abaw.faces.crop import encode_crop
from abaw.nn import runtime
from abaw.nn.parallel import team
from abaw.static.crops import Crops
from abaw.static.feed import Jpegs
from abaw.static.phases import settings_of
from abaw.static.training import train_static

STATIC = yaml.safe_load((Path(__file__).parents[1] / "config" / "config.yaml").read_text(encoding="utf-8"))["static"]


def crops(n: int, seed: int) -> Crops:
    """Noise whose colour says what is expressed and how pleased it is; some without a label of either kind."""
    generator = np.random.default_rng(seed)
    shades = generator.integers(0, 200, n)
    pixels = generator.integers(0, 55, (n, 32, 32, 3)) + shades[:, None, None, None]
    expressions, valence = np.floor(shades / 25.0), np.stack([shades / 100 - 1, 1 - shades / 100], axis=1)
    expressions[::5], valence[::3] = np.nan, np.nan
    jpegs = Jpegs.of([encode_crop(one, 95) for one in pixels.astype(np.uint8)], 32)
    return Crops(jpegs, {"va": valence, "expr": expressions[:, None]})


def settings_of_phase(changes: dict[str, object]) -> JointPhaseConfig:
    """Two epochs of batches of 16, the last of them a short one, without anything that is drawn for each picture."""
    form = STATIC["backbones"]["va"] | {"input_px": 32, "dropout": 0.0}
    training = STATIC["pretraining"]["training"] | {"epochs": 2, "batch_size": 16, "learning_rate": 0.003}
    training |= {"optimiser": "sgd", "warmup": 0.0, "keep": "best", "ema_decay": None}
    own = settings_of("pretraining", STATIC, BackboneConfig.model_validate(form))
    own |= {"augmentation": "none", "class_weights": "inverse"}
    return JointPhaseConfig.model_validate(own | {"training": training} | changes)


def main() -> None:
    """Train, and write what was learned."""
    settings = settings_of_phase(json.loads(sys.argv[2]))
    device = runtime.start(ComputeConfig(device="cpu", threads=1, deterministic=True), seed=1)
    model, _, history = train_static(crops(42, 1), crops(20, 2), settings, 1, device)
    if team().first:
        weights = {name: tensor.double().sum().item() for name, tensor in model.state_dict().items()}
        found = {"epochs": history.epochs, "weights": weights, "size": team().size}
        Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    run(main)
