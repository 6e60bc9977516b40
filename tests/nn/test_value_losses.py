"""Each network learns values by the loss that its section names."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
import torch
from settings import ACOUSTIC, DYNAMIC

from abaw.acoustic.training import train_acoustic
from abaw.acoustic.voices import Voice, VoicedWindows
from abaw.dynamic.training import Sequences, build_dynamic, train_over_time
from abaw.tables.schemas import SCHEMAS
from abaw.timeline.rows import row_times

CPU = torch.device("cpu")
N_FRAMES = 40


def one_step(settings, va_loss):
    """The settings of a training of one step, on all there is."""
    training = settings.training.model_copy(update={"epochs": 1, "batch_size": 64})
    return settings.model_copy(update={"va_loss": va_loss, "training": training})


def learned_over_time(va_loss):
    rng = np.random.default_rng(0)
    frames = np.arange(1, N_FRAMES + 1)
    keys = {"sample": ["a"] * N_FRAMES, "frame": frames}
    labels = keys | {name: rng.uniform(-1, 1, N_FRAMES) for name in ("valence", "arousal")}
    embeddings = keys | {"time_s": frames / 5, "has_face": [True] * N_FRAMES}
    embeddings["embedding"] = list(rng.normal(size=(N_FRAMES, 256)).astype(np.float16))
    made = pa.table(embeddings, schema=SCHEMAS["embeddings"]), pa.table(labels, schema=SCHEMAS["labels_va"])
    split = Sequences.of("va", [made[0]], made[1], 10, "none", CPU)
    torch.manual_seed(0)
    settings = one_step(DYNAMIC, va_loss)
    model = build_dynamic("va", split, "none", settings)
    history = train_over_time("va", model, split, split, settings, 0, CPU)
    return history.epochs[0]["train_loss"], model.head.weight


def learned_of_sound(va_loss):
    rng = np.random.default_rng(0)
    track = rng.integers(-3000, 3000, 16000 * 8).astype(np.int16)
    voice = Voice("a", track, [(0.0, 8.0)], rng.uniform(-1, 1, (200, 2)), row_times(201, Fraction(25)))
    settings = one_step(ACOUSTIC, va_loss)
    windows = VoicedWindows.of("va", [voice], settings)
    [(model, history, _)] = train_acoustic("va", ["AudioModelV1"], windows, windows, settings, 0, CPU)
    return history.epochs[0]["train_loss"], next(model.parameters())


@pytest.mark.parametrize("learned", [learned_over_time, learned_of_sound])
def test_the_loss_of_a_step_is_that_which_is_named_and_repeats_itself(learned):
    found = {name: learned(name)[0] for name in ("ccc", "rmse", "sum")}
    assert found["sum"] == pytest.approx(found["ccc"] + found["rmse"], rel=1e-5)
    assert len(set(found.values())) == 3
    again, weights = learned("sum")
    assert again == found["sum"]
    assert torch.equal(weights, learned("sum")[1])
