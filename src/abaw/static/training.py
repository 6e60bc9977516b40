"""Train the frame-level model on labelled crops, in either of its two phases (paper §2.2.1, §3.2.2)."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from abaw import metrics
from abaw.config import PhaseConfig
from abaw.nn.compiling import compiled
from abaw.nn.depthwise import learn_from_small_maps
from abaw.nn.parallel import share_statistics, team
from abaw.nn.recording import recorded
from abaw.nn.resume import Resume
from abaw.nn.runtime import half_on_gpu
from abaw.nn.training import History, Scores, fit
from abaw.running.errors import UserError
from abaw.static.crops import Crops
from abaw.static.feed import Feed
from abaw.static.imagenet import load_backbone_weights
from abaw.static.images import Normaliser, as_images
from abaw.static.layers import rate_groups, unfreezing
from abaw.static.learning import picture_loss
from abaw.static.model import StaticModel, seen, start_from
from abaw.static.spec import StaticSpec
from abaw.tasks import TASKS, TaskName
from abaw.weights.cards import read_card

INFERENCE_BATCH = 32
MEAN_MEASURE = "mean_measure"
"""The mean of both challenge measures, which chooses the epoch where both heads are trained."""


def train_static(
    train: Crops,
    val: Crops,
    settings: PhaseConfig,
    seed: int,
    device: torch.device,
    resume: Resume | None = None,
    pretrained: tuple[Path, Path] | None = None,
    expression_weight: float = 1.0,
    decoding_threads: int = 1,
    compile_steps: bool = False,
) -> tuple[StaticModel, StaticSpec, History]:
    """Train the whole network, with a head for each task that `train` has labels for; losses are added.

    That of the expressions counts `expression_weight` times where there are two.

    It starts from the weights and card in `pretrained`, else from those that `settings` name for the backbone. Where
    the best epoch is kept it is chosen by the challenge measure on `val`, by the mean of both where there are two
    heads; else `val` is scored once. An image without a label of a task has no loss there. With `compile_steps` the
    steps run compiled (`abaw.nn.compiling`). Raises `UserError` where a task has no label to train on or to be scored
    by.
    """
    tasks = tuple(task for task in TASKS if task in train.labels and _known(train.labels[task]))
    chosen_by = [task for task in tasks if _known(val.labels[task])]
    if not chosen_by:
        raise UserError(f"none of {len(val)} validation images has a label of {' or '.join(tasks) or 'any task'}")
    spec = StaticSpec.of(tuple(train.labels), settings)
    model = StaticModel(spec)
    if pretrained is None:
        load_backbone_weights(model, settings)
    else:
        start_from(model, spec, pretrained[0], read_card(pretrained[1]))
    if settings.frozen:
        model.freeze()
    model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    share_statistics(model, device)
    if device.type == "cpu":
        learn_from_small_maps(model)
    learning_px = settings.learning_px(spec.input_px)
    for side_px in sorted({learning_px, *spec.sides_px} - {spec.input_px}):
        _check_takes(model, spec.backbone, side_px, device)
    learned = Feed(train.jpegs, learning_px, device, decoding_threads)
    judged = Feed(val.jpegs, spec.input_px, device, decoding_threads)
    labels = {task: train.labels[task] for task in tasks}

    def evaluate() -> Scores:
        outputs = predict_fed(model, judged, spec, device)
        scores = {task: metrics.score(task, val.labels[task], outputs[task]) for task in chosen_by}
        found = {name: value for each in scores.values() for name, value in each.items()}
        return found | {MEAN_MEASURE: float(np.mean([found[name] for name in measures]))}

    measures = [TASKS[task].challenge_measure for task in chosen_by]
    chooser = measures[0] if len(measures) == 1 else MEAN_MEASURE
    in_part = len(tasks) < len(spec.tasks) or settings.unfrozen_layers is not None
    whole = team().learner(model, device, in_part)
    learner = recorded(compiled(whole) if compile_steps else whole, settings.training.batch_size, device)
    history = fit(
        model,
        picture_loss(learner, spec, labels, settings, device, expression_weight),
        len(train),
        evaluate,
        chooser,
        settings.training,
        seed,
        resume,
        load=learned.batches,
        groups=rate_groups(model, settings),
        before_epoch=unfreezing(model, settings.unfrozen_layers),
    )
    return model, spec, history


def predict_crops(
    model: StaticModel, crops: Crops, spec: StaticSpec, device: torch.device
) -> dict[TaskName, NDArray[np.float32]]:
    """The outputs of each head for all crops, (n, 2) or (n, 8), of a model in evaluation mode."""
    return predict_fed(model, Feed(crops.jpegs, spec.input_px, device), spec, device)


def predict_fed(
    model: StaticModel, feed: Feed, spec: StaticSpec, device: torch.device
) -> dict[TaskName, NDArray[np.float32]]:
    """`predict_crops` of pictures that may be fed again."""
    normalise = Normaliser(spec, device)
    parts = torch.arange(len(feed.jpegs)).split(INFERENCE_BATCH)
    batches = tqdm(feed.batches(parts), "images", len(parts), leave=False, disable=None)
    with torch.inference_mode(), half_on_gpu(device):
        found = [seen(model, spec, normalise(as_images(batch.pixels, device)))[1] for batch in batches]
    return {task: torch.cat([part[task] for part in found]).float().cpu().numpy() for task in spec.tasks}


def _check_takes(model: StaticModel, backbone: str, side_px: int, device: torch.device) -> None:
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros((1, 3, side_px, side_px), device=device))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{backbone} cannot be shown pictures of {side_px} px ({error}); set learning_scale to 1 and input_scales "
            "to [1.0], or to shares of input_px that it can take"
        ) from error


def _known(labels: NDArray[np.float64]) -> bool:
    return bool((~np.isnan(labels)).any())
